; Only what stands in namespaces, class bodies, templates, and what the preprocessor keeps apart is looked at.
(namespace_definition name: (_) @name) @definition.namespace
(namespace_definition body: (declaration_list) @scope)
(namespace_alias_definition name: (namespace_identifier) @name) @definition.typedef

(class_specifier
  name: [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier) @name
  ]
  body: (field_declaration_list) @scope) @definition.class
(struct_specifier
  name: [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier) @name
  ]
  body: (field_declaration_list) @scope) @definition.struct
(union_specifier
  name: [
    (type_identifier) @name
    (template_type name: (type_identifier) @name)
    (qualified_identifier) @name
  ]
  body: (field_declaration_list) @scope) @definition.struct
(enum_specifier
  name: [(type_identifier) (qualified_identifier)] @name
  body: (enumerator_list) @scope) @definition.enum
(enumerator name: (identifier) @name) @definition.enum-member

(class_specifier body: (field_declaration_list) @scope)
(struct_specifier body: (field_declaration_list) @scope)
(union_specifier body: (field_declaration_list) @scope)
(enum_specifier body: (enumerator_list) @scope)

; With their template header.
(template_declaration
  (class_specifier
    name: [
      (type_identifier) @name
      (template_type name: (type_identifier) @name)
      (qualified_identifier) @name
    ]
    body: (_))) @definition.class
(template_declaration
  (struct_specifier
    name: [
      (type_identifier) @name
      (template_type name: (type_identifier) @name)
      (qualified_identifier) @name
    ]
    body: (_))) @definition.class
(template_declaration
  (function_definition declarator: (_) @declarator)) @definition.function
(concept_definition name: (identifier) @name) @definition.type

(function_definition declarator: (_) @declarator) @definition.function
; A function's declarator makes these a declaration and a method.
(declaration declarator: (_) @declarator) @definition.variable
(field_declaration declarator: (_) @declarator) @definition.field
; Without a type it is a constructor, or a macro that is dropped for not being named as the class.
(declaration
  !type
  declarator: (function_declarator declarator: (identifier) @name)) @definition.constructor

(alias_declaration name: (type_identifier) @name) @definition.typedef
; A typedef of an unnamed struct gives it its name.
(type_definition
  type: (struct_specifier !name body: (_))
  declarator: (type_identifier) @name) @definition.struct
(type_definition
  type: (union_specifier !name body: (_))
  declarator: (type_identifier) @name) @definition.struct
(type_definition
  type: (enum_specifier !name body: (_))
  declarator: (type_identifier) @name) @definition.enum
(type_definition declarator: (_) @declarator) @definition.typedef

(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro-function

(preproc_if) @scope
(preproc_ifdef) @scope
(preproc_elif) @scope
(preproc_elifdef) @scope
(preproc_else) @scope
(linkage_specification body: (_) @scope)
(compound_statement) @scope.nested
(ERROR) @scope
