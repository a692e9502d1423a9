; inherits: ecmascript
; Variables only at the top of a module or a namespace.
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

(class_body (method_signature name: (_) @name) @definition.declaration)
(class_body (abstract_method_signature name: (_) @name) @definition.method)
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

(program
  (expression_statement
    (assignment_expression
      left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
      right: (class name: (type_identifier) @name) @definition.class))
  (#eq? @_module "module")
  (#eq? @_exports "exports"))

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

; Svelte's `$: doubled = level * 2`
(program
  (labeled_statement
    label: (statement_identifier) @_label
    body: (expression_statement (assignment_expression left: (identifier) @name)) @definition.variable)
  (#eq? @_label "$"))
