; Class bodies are scopes; a method's or a field's inside only when it holds a class.
(package_declaration [(identifier) (scoped_identifier)] @name) @definition.package

(class_declaration
  name: (identifier) @name
  body: (class_body) @scope) @definition.class
(record_declaration
  name: (identifier) @name
  body: (class_body) @scope) @definition.class
(interface_declaration
  name: (identifier) @name
  body: (interface_body) @scope) @definition.interface
(annotation_type_declaration
  name: (identifier) @name
  body: (annotation_type_body) @scope) @definition.interface
(enum_declaration
  name: (identifier) @name
  body: (enum_body) @scope) @definition.enum

(enum_constant name: (identifier) @name) @definition.enum-member
(enum_constant body: (class_body) @scope)
(enum_body_declarations) @scope

(method_declaration name: (identifier) @name) @definition.method
(annotation_type_element_declaration name: (identifier) @name) @definition.method
(constructor_declaration name: (identifier) @name) @definition.constructor
(compact_constructor_declaration name: (identifier) @name) @definition.constructor
(field_declaration
  declarator: (variable_declarator name: (identifier) @name)) @definition.field
(constant_declaration
  declarator: (variable_declarator name: (identifier) @name)) @definition.constant
(record_declaration
  parameters: (formal_parameters
    (formal_parameter name: (identifier) @name) @definition.field))

(method_declaration body: (block) @scope.nested)
(constructor_declaration body: (constructor_body) @scope.nested)
(field_declaration declarator: (variable_declarator value: (_) @scope.nested))
(static_initializer (block) @scope.nested)
(block) @scope.nested
(ERROR) @scope
