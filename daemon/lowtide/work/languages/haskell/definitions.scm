(header module: (module) @name) @definition.module

(data_type name: (_) @name) @definition.struct
(data_type . (parens (infix operator: (_) @name))) @definition.struct
(newtype name: (_) @name) @definition.struct
(type_synonym name: (_) @name) @definition.type
(type_family name: (_) @name) @definition.type
(data_family name: (_) @name) @definition.type
(class name: (_) @name) @definition.interface
(instance name: (_) @name) @definition.extension

(data_constructor
  constructor: [
    (prefix name: (constructor) @name)
    (record name: (constructor) @name)
    (infix operator: (_) @name)
  ]) @definition.constructor
(gadt_constructor name: (constructor) @name) @definition.constructor
(newtype_constructor name: (constructor) @name) @definition.constructor
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

; A signature and the equations that follow it are one definition: `merge_adjacent` joins them.
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
