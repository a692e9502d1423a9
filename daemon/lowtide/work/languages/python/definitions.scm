; Bodies are scopes; a function's body only when it holds another definition.
(class_definition
  name: (identifier) @name
  body: (block) @scope) @definition.class

((class_definition
  name: (identifier) @name
  superclasses: (argument_list) @_bases) @definition.enum
  (#match? @_bases "\\b(Int|Str|Text|Integer)?(Enum|Flag|Choices)\\b"))

(function_definition
  name: (identifier) @name
  body: (block) @scope.nested) @definition.function

(decorated_definition
  definition: (function_definition name: (identifier) @name)) @definition.function

(decorated_definition
  definition: (class_definition name: (identifier) @name)) @definition.class

(expression_statement
  (assignment left: (identifier) @name)) @definition.variable

(expression_statement
  (assignment left: (pattern_list (identifier) @name))) @definition.variable

(type_alias_statement left: (type (identifier) @name)) @definition.type

(if_statement consequence: (block) @scope)
(elif_clause consequence: (block) @scope)
(else_clause body: (block) @scope)
(try_statement body: (block) @scope)
(except_clause (block) @scope)
(finally_clause (block) @scope)
(with_statement body: (block) @scope)
(for_statement body: (block) @scope.nested)
(while_statement body: (block) @scope.nested)
(match_statement body: (block) @scope.nested)
(case_clause consequence: (block) @scope.nested)
(ERROR) @scope
