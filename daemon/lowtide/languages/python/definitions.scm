; Class bodies and the branches of a module are scopes; what is in a function only when it holds another definition.
(class_definition
  name: (identifier) @name
  body: (block) @scope) @definition.class
(decorated_definition
  definition: (class_definition
    name: (identifier) @name
    body: (block) @scope) @inner) @definition.class

((class_definition
  name: (identifier) @name
  superclasses: (argument_list) @_bases) @definition.enum
  (#match? @_bases "\\b(Int|Str|Text|Integer)?(Enum|Flag|Choices)\\b"))

(function_definition
  name: (identifier) @name
  body: (block) @scope.nested) @definition.function
(decorated_definition
  definition: (function_definition
    name: (identifier) @name
    body: (block) @scope.nested) @inner) @definition.function

(expression_statement
  (assignment left: (identifier) @name)) @definition.variable
(expression_statement
  (assignment
    left: [
      (pattern_list [
        (identifier) @name
        (list_splat_pattern (identifier) @name)
        (tuple_pattern (identifier) @name)
        (list_pattern (identifier) @name)
      ])
      (tuple_pattern [(identifier) @name (list_splat_pattern (identifier) @name) (tuple_pattern (identifier) @name)])
      (list_pattern [(identifier) @name (list_splat_pattern (identifier) @name) (tuple_pattern (identifier) @name)])
    ])) @definition.variable
; `a = b = 0`
(expression_statement
  (assignment
    right: (assignment
      left: [(identifier) @name (pattern_list (identifier) @name) (tuple_pattern (identifier) @name)]))) @definition.variable
(expression_statement
  (assignment right: (assignment right: (assignment left: (identifier) @name)))) @definition.variable
(expression_statement
  (assignment
    right: (assignment right: (assignment right: (assignment left: (identifier) @name))))) @definition.variable
(type_alias_statement left: (type (identifier) @name)) @definition.type
(type_alias_statement left: (type (generic_type . (identifier) @name))) @definition.type

(if_statement consequence: (block) @scope)
(if_statement alternative: (elif_clause consequence: (block) @scope))
(if_statement alternative: (else_clause body: (block) @scope))
(try_statement body: (block) @scope)
(try_statement (except_clause (block) @scope))
(try_statement (else_clause body: (block) @scope))
(try_statement (finally_clause (block) @scope))
(with_statement body: (block) @scope)
(for_statement body: (block) @scope)
(while_statement body: (block) @scope)
(match_statement body: (block) @scope.nested)
(ERROR) @scope
