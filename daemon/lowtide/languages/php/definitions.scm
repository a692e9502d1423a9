; Scopes: the bodies of classes; a function's body or a branch only when it holds another definition.
(namespace_definition name: (namespace_name) @name body: (_) @scope) @definition.namespace
; Without a body a namespace lasts until the next one.
(program (namespace_definition name: (namespace_name) @name !body) @definition.namespace) @rest

(class_declaration name: (name) @name body: (_) @scope) @definition.class
(trait_declaration name: (name) @name body: (_) @scope) @definition.class
(interface_declaration name: (name) @name body: (_) @scope) @definition.interface
(enum_declaration name: (name) @name body: (_) @scope) @definition.enum
(enum_case name: (name) @name) @definition.enum-member

(function_definition name: (name) @name body: (_) @scope.nested) @definition.function
(method_declaration name: (name) @name body: (_)? @scope.nested) @definition.method
(if_statement body: (_) @scope.nested)
(else_clause body: (_) @scope.nested)
(return_statement (object_creation_expression (anonymous_class body: (_) @scope)))
(expression_statement
  (assignment_expression
    right: (object_creation_expression (anonymous_class body: (_) @scope))))
(ERROR) @scope.nested

(property_declaration (property_element name: (variable_name (name) @name))) @definition.property
(method_declaration
  parameters: (formal_parameters
    (property_promotion_parameter name: (variable_name (name) @name)) @definition.property))

(const_declaration (const_element . (name) @name)) @definition.constant
(expression_statement
  (function_call_expression
    function: (name) @_function
    arguments: (arguments
      . (argument [(string (string_content) @name) (encapsed_string (string_content) @name)])))
  (#eq? @_function "define")) @definition.constant

(program
  (expression_statement
    (assignment_expression left: (variable_name (name) @name))) @definition.variable)
