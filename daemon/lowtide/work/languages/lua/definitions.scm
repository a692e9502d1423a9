(function_declaration name: (identifier) @name) @definition.function
(function_declaration
  name: (dot_index_expression table: (_) @container field: (identifier) @name)) @definition.function
(function_declaration
  name: (method_index_expression table: (_) @container method: (identifier) @name)) @definition.method

; A name that is given a function.
(assignment_statement
  (variable_list
    . name: [
      (identifier) @name
      (dot_index_expression table: (_) @container field: (identifier) @name)
      (bracket_index_expression table: (_) @container field: (string (string_content) @name))
    ])
  (expression_list . value: (function_definition))) @definition.function
(field name: (identifier) @name value: (function_definition)) @definition.function
(field name: (string (string_content) @name) value: (function_definition)) @definition.function

; What a file sets at its top, but for the modules that it loads and the names that it shortens.
(chunk
  (variable_declaration
    (assignment_statement
      (variable_list name: (identifier) @name)
      (expression_list . value: [
        (table_constructor) (string) (number) (true) (false) (nil) (binary_expression) (unary_expression)
      ]))) @definition.variable)
(chunk
  (variable_declaration
    (assignment_statement
      (variable_list name: (identifier) @name)
      (expression_list . value: (function_call name: (_) @_function)))) @definition.variable
  (#not-eq? @_function "require"))
(chunk (variable_declaration (variable_list name: (identifier) @name)) @definition.variable)
(chunk
  (assignment_statement (variable_list name: (identifier) @name)) @definition.variable)
(chunk
  (assignment_statement
    (variable_list
      name: (dot_index_expression table: (_) @container field: (identifier) @name))) @definition.field)
