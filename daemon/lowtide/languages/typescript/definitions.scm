; Functions hide anywhere (callbacks, object literals), so the whole tree is searched; variables only at the top of a
; module or a namespace.
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(function_signature name: (identifier) @name) @definition.declaration
(class_declaration name: (type_identifier) @name) @definition.class
(abstract_class_declaration name: (type_identifier) @name) @definition.class
(interface_declaration name: (type_identifier) @name) @definition.interface
(type_alias_declaration name: (type_identifier) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.enum
(enum_body name: (_) @name @definition.enum-member)
(enum_assignment name: (_) @name) @definition.enum-member
(internal_module name: (_) @name) @definition.namespace
(module name: (_) @name) @definition.module
; With `export` and what decorates it.
(export_statement
  declaration: (_ name: (_) @name) @inner) @definition.variable

(variable_declarator
  name: (identifier) @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.function
(variable_declarator
  name: (identifier) @name
  value: (class body: (_) @body)) @definition.class

(class_body (method_definition name: (_) @name) @definition.method)
(class_body (method_signature name: (_) @name) @definition.declaration)
(class_body (abstract_method_signature name: (_) @name) @definition.method)
(object (method_definition name: (_) @name) @definition.method)
(public_field_definition name: (_) @name) @definition.field
(public_field_definition
  name: (_) @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.method
(formal_parameters
  (required_parameter (accessibility_modifier) pattern: (identifier) @name) @definition.field)
(formal_parameters
  (optional_parameter (accessibility_modifier) pattern: (identifier) @name) @definition.field)

(interface_body (property_signature name: (_) @name) @definition.field)
(interface_body (method_signature name: (_) @name) @definition.method)
(type_alias_declaration
  value: (object_type (property_signature name: (_) @name) @definition.field))
(type_alias_declaration
  value: (object_type (method_signature name: (_) @name) @definition.method))
(type_alias_declaration
  value: (_ (object_type (property_signature name: (_) @name) @definition.field)))
(type_alias_declaration
  value: (_ (object_type (method_signature name: (_) @name) @definition.method)))

; `Foo.prototype.bar = function`, `exports.bar = () =>`
(assignment_expression
  left: (member_expression
    object: (member_expression
      object: (identifier) @container
      property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]
  (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: [(property_identifier) (private_property_identifier)] @name)
  ]
  right: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.function

(pair
  key: [(property_identifier) (string) (number)] @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.method

(program
  (lexical_declaration
    kind: "const"
    (variable_declarator name: (identifier) @name) @definition.constant))
(program
  (lexical_declaration
    kind: "let"
    (variable_declarator name: (identifier) @name) @definition.variable))
(program
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement
  (lexical_declaration
    kind: "const"
    (variable_declarator name: (identifier) @name) @definition.constant))
(export_statement
  (lexical_declaration
    kind: "let"
    (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable))
(ambient_declaration
  (lexical_declaration
    (variable_declarator name: (identifier) @name) @definition.constant))
(ambient_declaration
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable))
(internal_module
  body: (statement_block
    (lexical_declaration
      (variable_declarator name: (identifier) @name) @definition.variable)))
