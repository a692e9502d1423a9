; Scopes: what declares members. What is local to a function is not searched.
(header module: (module) @name) @definition.module

(data_type name: (_) @name constructors: (_)? @scope @body) @definition.struct
(data_type . (parens (infix operator: (_) @name)) constructors: (_)? @scope @body) @definition.struct
(newtype name: (_) @name) @definition.struct
(type_synonym name: (_) @name) @definition.type
(type_family name: (_) @name) @definition.type
(data_family name: (_) @name) @definition.type
(data_instance [(data_type constructors: (_) @scope) (newtype constructor: (_) @scope)])
(class name: (_) @name declarations: (_)? @scope @body) @definition.interface
(instance name: (_) @name declarations: (_)? @scope @body) @definition.extension

(data_constructor
  constructor: [
    (prefix name: (constructor) @name)
    (record name: (constructor) @name fields: (_) @scope)
    (infix operator: (_) @name)
  ]) @definition.constructor
(gadt_constructor name: (constructor) @name) @definition.constructor
(gadt_constructor type: (record fields: (_) @scope))
(newtype constructor: (newtype_constructor name: (constructor) @name) @definition.constructor)
(newtype constructor: (_) @scope)
(pattern_synonym (signature synonym: (constructor) @name)) @definition.constructor
(pattern_synonym
  (equation
    synonym: [
      (constructor) @name
      (apply function: (constructor) @name)
      (infix operator: (_) @name)
      (record constructor: (constructor) @name)
    ])) @definition.constructor
(field name: (field_name (variable) @name)) @definition.field

; A signature and the equations that follow it are one definition (the setting `joins_clauses`).
(declarations
  [
    (signature name: [(variable) @name (prefix_id (_) @name)])
    (signature names: (binding_list name: [(variable) @name (prefix_id (_) @name)]))
    (function name: [(variable) @name (prefix_id (_) @name)])
    (function (infix operator: [(operator) @name (infix_id (variable) @name)]))
    (bind name: [(variable) @name (prefix_id (_) @name)])
    (bind pattern: (tuple element: (variable) @name))
    (foreign_import signature: (signature name: (variable) @name))
  ] @definition.function)
(class_declarations
  [
    (signature name: [(variable) @name (prefix_id (_) @name)])
    (signature names: (binding_list name: [(variable) @name (prefix_id (_) @name)]))
  ] @definition.method)
(instance_declarations
  [
    (function name: [(variable) @name (prefix_id (_) @name)])
    (function (infix operator: [(operator) @name (infix_id (variable) @name)]))
    (bind name: [(variable) @name (prefix_id (_) @name)])
  ] @definition.method)
