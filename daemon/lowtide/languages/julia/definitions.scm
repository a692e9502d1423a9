; Scopes: modules, types and what a macro wraps; a block only when it holds a definition.
(module_definition name: (identifier) @name . (_)? @body) @definition.module
(module_definition) @scope
(struct_definition) @scope
(macrocall_expression (macro_argument_list) @scope)
(if_statement) @scope.nested
(elseif_clause) @scope.nested
(else_clause) @scope.nested
(compound_statement) @scope.nested
(let_statement) @scope.nested
(for_statement) @scope.nested
(function_definition) @scope.nested
(ERROR) @scope

; The head of a type: `Name`, `Name{T}`, `Name <: Super`, `Name{T} <: Super`.
(struct_definition
  (type_head [
    (identifier) @name
    (parametrized_type_expression . (identifier) @name)
    (binary_expression . [(identifier) @name (parametrized_type_expression . (identifier) @name)])
  ])
  . (_)? @body) @definition.struct
(abstract_definition
  (type_head [
    (identifier) @name
    (parametrized_type_expression . (identifier) @name)
    (binary_expression . [(identifier) @name (parametrized_type_expression . (identifier) @name)])
  ])) @definition.interface
(primitive_definition
  (type_head [
    (identifier) @name
    (binary_expression . (identifier) @name)
  ])) @definition.type
(struct_definition
  [
    (identifier) @name
    (typed_expression . (identifier) @name)
    (assignment . [(identifier) @name (typed_expression . (identifier) @name)])
  ] @definition.field)

; `function f(x)`, `function Base.f(x)::T where T`
(function_definition
  (signature [
    (identifier) @name
    (call_expression . [
      (identifier) @name
      (operator) @name
      (field_expression [(identifier) @name (quote_expression (operator) @name)] .)
      (parametrized_type_expression . (identifier) @name)
    ])
    (typed_expression . (call_expression . [
      (identifier) @name
      (field_expression (identifier) @name .)
    ]))
    (where_expression . [
      (call_expression . [
        (identifier) @name
        (operator) @name
        (field_expression [(identifier) @name (quote_expression (operator) @name)] .)
        (parametrized_type_expression . (identifier) @name)
      ])
      (typed_expression . (call_expression . [
        (identifier) @name
        (field_expression (identifier) @name .)
      ]))
    ])
  ])
  . (_)? @body) @definition.function
(macro_definition (signature (call_expression . (identifier) @name)) . (_)? @body) @definition.macro-function

; `f(x) = ...`
(assignment
  . [
    (call_expression . [
      (identifier) @name
      (operator) @name
      (field_expression [(identifier) @name (quote_expression (operator) @name)] .)
      (parametrized_type_expression . (identifier) @name)
    ])
    (typed_expression . (call_expression . (identifier) @name))
    (where_expression . (call_expression . [
      (identifier) @name
      (field_expression (identifier) @name .)
      (parametrized_type_expression . (identifier) @name)
    ]))
    (binary_expression (operator) @name)
  ]) @definition.function

(const_statement
  (assignment . [
    (identifier) @name
    (operator) @name
    (open_tuple (identifier) @name)
    (typed_expression . (identifier) @name)
  ])) @definition.constant
(source_file (assignment . (identifier) @name) @definition.variable)
(module_definition (assignment . (identifier) @name) @definition.variable)
(source_file (global_statement (assignment . (identifier) @name)) @definition.variable)
(module_definition (global_statement (assignment . (identifier) @name)) @definition.variable)

; `@enum Name a b`, `@enum Name begin a; b end`
(macrocall_expression
  (macro_identifier (identifier) @_macro)
  (macro_argument_list . [(identifier) @name (typed_expression . (identifier) @name)])
  (#eq? @_macro "enum")) @definition.enum
(macrocall_expression
  (macro_identifier (identifier) @_macro)
  (macro_argument_list . (_) [(identifier) (assignment . (identifier))] @name @definition.enum-member)
  (#eq? @_macro "enum"))
(macrocall_expression
  (macro_identifier (identifier) @_macro)
  (macro_argument_list
    . (_)
    . (compound_statement [(identifier) @name (assignment . (identifier) @name)] @definition.enum-member))
  (#eq? @_macro "enum"))
