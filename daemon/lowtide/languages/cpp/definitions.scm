; Only what stands in namespaces, class bodies, templates, and what the preprocessor keeps apart is looked at.
(namespace_definition
  name: (_) @name
  body: (declaration_list) @scope) @definition.namespace
(namespace_definition !name body: (declaration_list) @scope)
(namespace_alias_definition name: (namespace_identifier) @name) @definition.namespace

(class_specifier
  name: (_) @name
  body: (field_declaration_list) @scope) @definition.class
(struct_specifier
  name: (_) @name
  body: (field_declaration_list) @scope) @definition.struct
(union_specifier
  name: (_) @name
  body: (field_declaration_list) @scope) @definition.struct
(enum_specifier
  name: (_) @name
  body: (enumerator_list) @scope) @definition.enum
(enumerator name: (identifier) @name) @definition.enum-member

; As the type of a variable, a field or a typedef; and those without a name.
(declaration
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
      (class_specifier body: (_))
    ]) @scope
(field_declaration
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
      (class_specifier body: (_))
    ]) @scope
(type_definition
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
      (class_specifier body: (_))
    ]) @scope
(function_definition
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
      (class_specifier body: (_))
    ]) @scope
(template_declaration
  (declaration
    type: [
        (struct_specifier body: (_))
        (union_specifier body: (_))
        (enum_specifier body: (_))
        (class_specifier body: (_))
      ]) @scope)
(template_declaration
  (function_definition
    type: [
        (struct_specifier body: (_))
        (union_specifier body: (_))
        (enum_specifier body: (_))
        (class_specifier body: (_))
      ]) @scope)
(struct_specifier !name body: (field_declaration_list) @scope)
(union_specifier !name body: (field_declaration_list) @scope)
(class_specifier !name body: (field_declaration_list) @scope)
(enum_specifier !name body: (enumerator_list) @scope)

; With their template header.
(template_declaration
  (class_specifier
    name: (_) @name
    body: (field_declaration_list) @scope) @inner) @definition.class
(template_declaration
  (struct_specifier
    name: (_) @name
    body: (field_declaration_list) @scope) @inner) @definition.struct
(template_declaration
  (union_specifier
    name: (_) @name
    body: (field_declaration_list) @scope) @inner) @definition.struct
(template_declaration
  (function_definition declarator: (_) @declarator) @inner) @definition.function
(template_declaration
  (declaration declarator: (_) @declarator) @inner) @definition.variable
(template_declaration
  (declaration !type declarator: (function_declarator declarator: (identifier) @name)) @inner) @definition.constructor
(template_declaration
  (alias_declaration name: (type_identifier) @name) @inner) @definition.typedef
(template_declaration
  (concept_definition name: (identifier) @name) @inner) @definition.type
(template_declaration (template_declaration) @scope)
(template_declaration (friend_declaration) @scope)
(template_declaration
  (function_definition body: (compound_statement) @scope.nested))
(friend_declaration (function_definition declarator: (_) @declarator) @definition.function)
; `friend bool operator==(const A &, const A &) = default;`
(friend_declaration
  (declaration
    declarator: (init_declarator declarator: (_) @declarator)) @definition.function)

(function_definition declarator: (_) @declarator) @definition.function
(function_definition body: (compound_statement) @scope.nested)
; A function's declarator makes these a declaration and a method.
(declaration declarator: (_) @declarator) @definition.variable
(field_declaration declarator: (_) @declarator) @definition.field
; Each name of `auto [a, b] = …`.
(declaration
  declarator: (init_declarator
    declarator: [
      (structured_binding_declarator (identifier) @name)
      (reference_declarator (structured_binding_declarator (identifier) @name))
    ])) @definition.variable
; Without a type it is a constructor, or a macro that is dropped for not being named as the class.
(declaration
  !type
  declarator: (function_declarator declarator: (identifier) @name)) @definition.constructor

(alias_declaration name: (type_identifier) @name) @definition.typedef
(concept_definition name: (identifier) @name) @definition.type
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
(linkage_specification) @scope
(declaration_list) @scope
(ERROR) @scope
