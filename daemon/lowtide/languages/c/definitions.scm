; Only what stands at the top, in struct bodies, and in what the preprocessor keeps apart is looked at.
(function_definition declarator: (_) @declarator) @definition.function
(function_definition body: (compound_statement) @scope.nested)
; A function's declarator makes these a declaration and a method.
(declaration declarator: (_) @declarator) @definition.variable
(field_declaration declarator: (_) @declarator) @definition.field

(struct_specifier
  name: (type_identifier) @name
  body: (field_declaration_list) @scope) @definition.struct
(union_specifier
  name: (type_identifier) @name
  body: (field_declaration_list) @scope) @definition.struct
(enum_specifier
  name: (type_identifier) @name
  body: (enumerator_list) @scope) @definition.enum
(enumerator name: (identifier) @name) @definition.enum-member

; As the type of a variable, a field or a typedef; and those without a name.
(declaration
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
    ]) @scope
(field_declaration
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
    ]) @scope
(type_definition
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
    ]) @scope
(function_definition
  type: [
      (struct_specifier body: (_))
      (union_specifier body: (_))
      (enum_specifier body: (_))
    ]) @scope
(struct_specifier !name body: (field_declaration_list) @scope)
(union_specifier !name body: (field_declaration_list) @scope)
(enum_specifier !name body: (enumerator_list) @scope)

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
