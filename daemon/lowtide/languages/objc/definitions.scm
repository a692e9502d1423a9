; Scopes: the bodies of classes, categories, protocols and records, and what the preprocessor wraps.
; Categories (`@interface A (B)`) have a symbol of their own, and what is inside belongs to A; class extensions
; (`@interface A ()`) only name what is inside.
(class_interface
  . (identifier) @name
  superclass: (_)
  . (parameterized_arguments)?
  . [(property_declaration) (method_declaration) (instance_variables)]? @body) @definition.class
(class_interface . (identifier) @name . "(" category: (identifier)? @category) @definition.extension
(class_interface) @scope
(class_implementation !category . (identifier) @name . (_)? @body) @definition.class
(class_implementation . (identifier) @name category: (_) @category) @definition.extension
(class_implementation) @scope
(protocol_declaration
  . (identifier) @name
  . (protocol_reference_list)?
  . [(property_declaration) (method_declaration) (qualified_protocol_interface_declaration)]? @body) @definition.interface
(protocol_declaration) @scope
(qualified_protocol_interface_declaration) @scope
(preproc_if) @scope
(preproc_ifdef) @scope
(preproc_else) @scope
(preproc_elif) @scope
(linkage_specification body: (_) @scope)
(ERROR) @scope

; A selector is named whole: `setObject:forKey:`.
(method_declaration
  (method_type)?
  . (identifier) @name
  . (method_parameter)? @part
  . ((identifier)? @part . (method_parameter) @part)*) @definition.method
(implementation_definition
  (method_definition
    (method_type)?
    . (identifier) @name
    . (method_parameter)? @part
    . ((identifier)? @part . (method_parameter) @part)*
    (compound_statement) @body) @definition.method)
(method_definition
  (method_type)?
  . (identifier) @name
  . (method_parameter)? @part
  . ((identifier)? @part . (method_parameter) @part)*
  (compound_statement) @body) @definition.method
(property_declaration
  (struct_declaration
    (struct_declarator [
      (identifier) @name
      (pointer_declarator declarator: (identifier) @name)
      (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @name))
      (function_declarator
        declarator: (parenthesized_declarator (block_pointer_declarator declarator: (identifier) @name)))
    ]))) @definition.property
(instance_variables
  (instance_variable
    (struct_declaration
      (struct_declarator [
        (identifier) @name
        (pointer_declarator declarator: (identifier) @name)
      ]))) @definition.field)

(function_definition
  declarator: [
    (function_declarator declarator: (identifier) @name)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  ]) @definition.function
(declaration
  declarator: [
    (function_declarator declarator: (identifier) @name)
    (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  ]) @definition.function
(declaration
  declarator: [
    (identifier) @name
    (pointer_declarator declarator: (identifier) @name)
    (array_declarator declarator: (identifier) @name)
    (init_declarator
      declarator: [
        (identifier) @name
        (pointer_declarator declarator: (identifier) @name)
        (array_declarator declarator: (identifier) @name)
      ])
  ]) @definition.variable
(declaration
  declarator: [
    (pointer_declarator (type_qualifier "const") declarator: (identifier) @name)
    (init_declarator
      declarator: (pointer_declarator (type_qualifier "const") declarator: (identifier) @name))
  ]) @definition.constant

(struct_specifier name: (type_identifier) @name body: (_) @scope) @definition.struct
(struct_specifier body: (_) @scope)
(union_specifier name: (type_identifier) @name body: (_) @scope) @definition.struct
(enum_specifier name: (type_identifier) @name body: (_) @scope) @definition.enum
(enum_specifier body: (_) @scope)
(enumerator name: (identifier) @name) @definition.enum-member
(field_declaration
  declarator: [
    (field_identifier) @name
    (pointer_declarator declarator: (field_identifier) @name)
    (array_declarator declarator: (field_identifier) @name)
  ]) @definition.field
(type_definition
  declarator: [
    (type_identifier) @name
    (pointer_declarator declarator: (type_identifier) @name)
    (function_declarator
      declarator: (parenthesized_declarator (block_pointer_declarator declarator: (type_identifier) @name)))
  ]) @definition.type
(type_definition type: (struct_specifier !name body: (_)) declarator: (type_identifier) @name) @definition.struct
(type_definition type: (enum_specifier !name body: (_)) declarator: (type_identifier) @name) @definition.enum

(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro-function
