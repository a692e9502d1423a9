; Scopes: a function's body, a branch or a table only when it holds a function.
(function_declaration body: (_) @scope.nested)
(assignment_statement (expression_list (function_definition body: (_) @scope.nested)))
(assignment_statement (expression_list (table_constructor) @scope.nested))
(return_statement (expression_list (table_constructor) @scope.nested))
(return_statement (expression_list (function_definition body: (_) @scope.nested)))
(return_statement
  (expression_list
    (function_call
      arguments: (arguments
        [(table_constructor) @scope.nested (function_definition body: (_) @scope.nested)]))))
(function_call
  arguments: (arguments
    [(table_constructor) @scope.nested (function_definition body: (_) @scope.nested)]))
(field value: (table_constructor) @scope.nested)
(field value: (function_definition body: (_) @scope.nested))
(do_statement body: (_) @scope)
(if_statement) @scope.nested
(elseif_statement) @scope.nested
(else_statement) @scope.nested
(block) @scope.nested
(for_statement body: (_) @scope.nested)
(while_statement body: (_) @scope.nested)
(ERROR) @scope.nested

(function_declaration name: (identifier) @name) @definition.function
(function_declaration
  name: (dot_index_expression table: (_) @container field: (identifier) @name)) @definition.function
(function_declaration
  name: (method_index_expression table: (_) @container method: (identifier) @name)) @definition.method

; A name that is given a function.
(variable_declaration
  (assignment_statement
    (variable_list . name: (identifier) @name)
    (expression_list . value: (function_definition body: (_)? @body)))) @definition.function
(assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition body: (_)? @body))) @definition.function
(assignment_statement
  (variable_list
    . name: [
      (dot_index_expression table: (_) @container field: (identifier) @name)
      (bracket_index_expression table: (_) @container field: (string (string_content) @name))
    ])
  (expression_list . value: (function_definition body: (_)? @body))) @definition.function
(field
  name: [(identifier) @name (string (string_content) @name)]
  value: (function_definition body: (_)? @body)) @definition.function

; What a file sets at its top, but for the modules that it loads and the names that it shortens. Only the first of
; several names: one state a name that waits for the values would cost the square of their number.
(chunk
  (variable_declaration
    (assignment_statement
      . (variable_list . name: (identifier) @name)
      (expression_list . value: [
        (table_constructor) (string) (number) (true) (false) (nil) (binary_expression) (unary_expression)
      ]))) @definition.variable)
(chunk
  (variable_declaration
    (assignment_statement
      . (variable_list . name: (identifier) @name)
      (expression_list . value: (function_call name: (_) @_function)))) @definition.variable
  (#not-eq? @_function "require"))
(chunk (variable_declaration (variable_list name: (identifier) @name)) @definition.variable)
(chunk
  (assignment_statement (variable_list name: (identifier) @name)) @definition.variable)
(chunk
  (assignment_statement
    (variable_list
      name: (dot_index_expression table: (_) @container field: (identifier) @name))) @definition.field)
