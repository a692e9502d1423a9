; Scopes: the bodies of types. Functions are not searched, but for the functions at their top.
(class_declaration
  declaration_kind: ["class" "actor"]
  name: (type_identifier) @name
  body: (_) @scope) @definition.class
(class_declaration
  declaration_kind: "struct"
  name: (type_identifier) @name
  body: (_) @scope) @definition.struct
(class_declaration
  declaration_kind: "enum"
  name: (type_identifier) @name
  body: (_) @scope) @definition.enum
(class_declaration
  declaration_kind: "extension"
  name: (_) @name
  body: (_) @scope) @definition.extension
(protocol_declaration name: (type_identifier) @name body: (_) @scope) @definition.interface
(enum_entry name: (simple_identifier) @name) @definition.enum-member
(ERROR) @scope

(typealias_declaration "typealias" . name: (type_identifier) @name) @definition.type
(associatedtype_declaration name: (type_identifier) @name) @definition.type

; A function's result type also carries the field `name`: the name stands right after `func`.
(function_declaration "func" . name: _ @name) @definition.function
(function_declaration
  body: (function_body
    (statements (function_declaration "func" . name: _ @name) @definition.function)))
(protocol_function_declaration "func" . name: _ @name) @definition.method
(init_declaration name: "init" @name) @definition.constructor
(deinit_declaration "deinit" @name) @definition.method
(subscript_declaration "subscript" @name (computed_property)? @body) @definition.method
(macro_declaration "macro" . (simple_identifier) @name) @definition.macro-function
(operator_declaration (custom_operator) @name) @definition.operator
(precedence_group_declaration "precedencegroup" . (simple_identifier) @name) @definition.operator

(class_body
  (property_declaration
    name: (pattern bound_identifier: (simple_identifier) @name)) @definition.property)
(enum_class_body
  (property_declaration
    name: (pattern bound_identifier: (simple_identifier) @name)) @definition.property)
(protocol_property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.property
(source_file
  (property_declaration
    (value_binding_pattern mutability: "let")
    name: (pattern bound_identifier: (simple_identifier) @name)) @definition.constant)
(source_file
  (property_declaration
    (value_binding_pattern mutability: "var")
    name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(source_file
  (property_declaration
    name: (pattern (pattern (simple_identifier) @name))) @definition.variable)
