; Bodies of modules, traits and impls are scopes; a function's only when it holds another item.
(mod_item name: (identifier) @name) @definition.module
(mod_item body: (declaration_list) @scope)

(struct_item name: (type_identifier) @name) @definition.struct
(struct_item body: (field_declaration_list) @scope)
(union_item
  name: (type_identifier) @name
  body: (field_declaration_list) @scope) @definition.struct
(enum_item
  name: (type_identifier) @name
  body: (enum_variant_list) @scope) @definition.enum
(enum_variant name: (identifier) @name) @definition.enum-member
(enum_variant body: (field_declaration_list) @scope)
(field_declaration name: (field_identifier) @name) @definition.field

(trait_item
  name: (type_identifier) @name
  body: (declaration_list) @scope) @definition.interface
(impl_item
  type: [
    (type_identifier) @name
    (generic_type type: (type_identifier) @name)
    (scoped_type_identifier name: (type_identifier) @name)
    (generic_type type: (scoped_type_identifier name: (type_identifier) @name))
    (reference_type type: (_) @name)
    (primitive_type) @name
    (_) @name
  ]) @definition.extension
(impl_item body: (declaration_list) @scope)
(foreign_mod_item body: (declaration_list) @scope)

(function_item name: [(identifier) (metavariable)] @name) @definition.function
(function_item body: (block) @scope.nested)
(const_item value: (_) @scope.nested)
(static_item value: (_) @scope.nested)
(function_signature_item name: (identifier) @name) @definition.function
; `Self`: what is left of `const A = Self::B` in a macro.
((const_item name: (identifier) @name) @definition.constant (#not-eq? @name "Self"))
(static_item name: (identifier) @name) @definition.variable
(type_item name: (type_identifier) @name) @definition.typedef
(associated_type name: (type_identifier) @name) @definition.typedef
; A macro among items often holds items: `cfg_net! { … }`, `lazy_static!`, `bitflags!`.
(source_file (macro_invocation (token_tree) @scope.inside))
(source_file (expression_statement (macro_invocation (token_tree) @scope.inside)))
(declaration_list (macro_invocation (token_tree) @scope.inside))
(macro_definition name: (identifier) @name) @definition.macro-function
(ERROR) @scope
