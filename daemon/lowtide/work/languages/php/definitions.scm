(namespace_definition name: (namespace_name) @name) @definition.namespace

(class_declaration name: (name) @name) @definition.class
(trait_declaration name: (name) @name) @definition.class
(interface_declaration name: (name) @name) @definition.interface
(enum_declaration name: (name) @name) @definition.enum
(enum_case name: (name) @name) @definition.enum-member

(function_definition name: (name) @name) @definition.function
(method_declaration name: (name) @name) @definition.method

(property_declaration (property_element name: (variable_name (name) @name))) @definition.property
(property_promotion_parameter name: (variable_name (name) @name)) @definition.property

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
