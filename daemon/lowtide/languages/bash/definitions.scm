; Scopes: a function's body or a branch only when it holds a definition.
(function_definition
  name: (word) @name
  body: (_) @scope.nested) @definition.function
(redirected_statement body: (function_definition name: (word) @name)) @definition.function
(if_statement) @scope.nested
(elif_clause) @scope.nested
(else_clause) @scope.nested
(case_statement) @scope.nested
(case_item) @scope.nested
(list) @scope.nested
(do_group) @scope.nested
(for_statement body: (_) @scope.nested)
(compound_statement) @scope.nested
(ERROR) @scope.nested

; Only what is set at the top of a script, or exported: the rest is a script's working memory.
(program
  (variable_assignment name: (variable_name) @name "=") @definition.variable)
(program
  (variable_assignments
    (variable_assignment name: (variable_name) @name "=") @definition.variable))
(program
  (declaration_command
    ["declare" "typeset"]
    [(variable_assignment name: (variable_name) @name) (variable_name) @name]) @definition.variable)
(declaration_command
  "export"
  (variable_assignment name: (variable_name) @name)) @definition.variable
(declaration_command
  "readonly"
  (variable_assignment name: (variable_name) @name)) @definition.constant
(declaration_command
  ["declare" "typeset"]
  . (word) @_option
  (variable_assignment name: (variable_name) @name)
  (#match? @_option "^-[a-zA-Z]*r")) @definition.constant

(command
  name: (command_name (word) @_command)
  argument: (concatenation . (word) @name)
  (#eq? @_command "alias")
  (#match? @name "^[^=]+=$")) @definition.function
