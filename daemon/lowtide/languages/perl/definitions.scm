; Scopes: the blocks of packages and classes; a subroutine's body or a branch only when it holds a definition.
(package_statement name: (package) @name (block) @scope @body) @definition.package
(package_statement name: (package) @name) @definition.package
; Without a block a package lasts until the next one.
(source_file (package_statement name: (package) @name . ";") @definition.package) @rest
(source_file (package_statement name: (package) @name version: (_) . ";") @definition.package) @rest
(class_statement name: (package) @name) @definition.class
(class_statement (block) @scope)
(role_statement name: (package) @name) @definition.interface
(role_statement (block) @scope)
(phaser_statement (block) @scope)
(block_statement) @scope
(conditional_statement (block) @scope.nested)
(subroutine_declaration_statement body: (block) @scope.nested)
(ERROR) @scope

(subroutine_declaration_statement name: (bareword) @name) @definition.function
((pod) @doc . (subroutine_declaration_statement name: (bareword) @name) @definition.function)
(method_declaration_statement name: (bareword) @name) @definition.method
; `*name = sub { ... }`
(expression_statement
  (assignment_expression
    left: (glob (varname) @name)
    right: (anonymous_subroutine_expression))) @definition.function

; `use constant NAME => 1`, `use constant { NAME => 1, OTHER => 2 }`
(use_statement
  module: (package) @_module
  (list_expression . (autoquoted_bareword) @name)
  (#eq? @_module "constant")) @definition.constant
(use_statement
  module: (package) @_module
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name))
  (#eq? @_module "constant")) @definition.constant

(expression_statement
  [
    (variable_declaration "our" variable: (_ (varname) @name))
    (variable_declaration "our" variables: (_ (varname) @name))
    (assignment_expression left: (variable_declaration "our" variable: (_ (varname) @name)))
    (assignment_expression left: (variable_declaration "our" variables: (_ (varname) @name)))
  ]) @definition.variable
(source_file
  (expression_statement
    [
      (variable_declaration variable: (_ (varname) @name))
      (variable_declaration variables: (_ (varname) @name))
      (assignment_expression left: (variable_declaration variable: (_ (varname) @name)))
      (assignment_expression left: (variable_declaration variables: (_ (varname) @name)))
    ]) @definition.variable)
(expression_statement
  [
    (variable_declaration "field" variable: (_ (varname) @name))
    (assignment_expression left: (variable_declaration "field" variable: (_ (varname) @name)))
  ]) @definition.field

; Moose and its kin: `has name => (is => 'rw')`.
(expression_statement
  [
    (ambiguous_function_call_expression
      function: (function) @_function
      arguments: (list_expression
        . [(autoquoted_bareword) @name (string_literal content: (string_content) @name)]))
    (function_call_expression
      function: (function) @_function
      arguments: (list_expression
        . [(autoquoted_bareword) @name (string_literal content: (string_content) @name)]))
  ]
  (#eq? @_function "has")) @definition.property
