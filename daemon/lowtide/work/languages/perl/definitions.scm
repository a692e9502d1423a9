(package_statement name: (package) @name) @definition.package
(class_statement name: (package) @name) @definition.class
(role_statement name: (package) @name) @definition.interface

(subroutine_declaration_statement name: (bareword) @name) @definition.function
(method_declaration_statement name: (bareword) @name) @definition.method
; `*name = sub { ... }`
(assignment_expression
  left: (glob (varname) @name)
  right: (anonymous_subroutine_expression)) @definition.function

; `use constant NAME => 1`, `use constant { NAME => 1, OTHER => 2 }`
(use_statement
  module: (package) @_module
  (list_expression . (autoquoted_bareword) @name)
  (#eq? @_module "constant")) @definition.constant
(use_statement
  module: (package) @_module
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name))
  (#eq? @_module "constant")) @definition.constant

(variable_declaration
  "our"
  variable: (_ (varname) @name)) @definition.variable
(variable_declaration
  "our"
  variables: (_ (varname) @name)) @definition.variable
(source_file
  (expression_statement
    [
      (variable_declaration variable: (_ (varname) @name))
      (variable_declaration variables: (_ (varname) @name))
      (assignment_expression left: (variable_declaration variable: (_ (varname) @name)))
      (assignment_expression left: (variable_declaration variables: (_ (varname) @name)))
    ]) @definition.variable)
(variable_declaration "field" variable: (_ (varname) @name)) @definition.field

; Moose and its kin: `has name => (is => 'rw')`.
(ambiguous_function_call_expression
  function: (function) @_function
  arguments: (list_expression . [(autoquoted_bareword) @name (string_literal content: (string_content) @name)])
  (#eq? @_function "has")) @definition.property
