; Scopes: the bodies of classes and objects. A function's body only when it holds another definition.
(package_header (qualified_identifier) @name) @definition.package

(class_declaration
  name: (identifier) @name
  [(class_body) (enum_class_body)]? @scope @body) @definition.class
(class_declaration "interface" name: (identifier) @name) @definition.interface
(class_declaration
  (modifiers (class_modifier "enum"))
  name: (identifier) @name) @definition.enum
(enum_entry . (identifier) @name (class_body)? @scope) @definition.enum-member
(object_declaration name: (identifier) @name (class_body)? @scope @body) @definition.class
(companion_object name: (identifier) @name (class_body)? @scope @body) @definition.class
(companion_object (class_body) @scope)
(type_alias type: (identifier) @name) @definition.type
(property_declaration (object_literal (class_body) @scope))
(property_declaration (getter (function_body (block) @scope.nested)))
(function_declaration (function_body (object_literal (class_body) @scope)))
(function_declaration (function_body (block) @scope.nested))
(return_expression (object_literal (class_body) @scope))
(call_expression
  (value_arguments (value_argument (object_literal (class_body) @scope))))
(call_expression (annotated_lambda (lambda_literal) @scope.nested))
(ERROR) @scope

(function_declaration name: (identifier) @name (function_body)? @body) @definition.function
(class_body (function_declaration name: (identifier) @name) @definition.method)
(secondary_constructor "constructor" @name (block)? @body) @definition.constructor
; A constructor's parameter is a property only with `val` or `var`.
(class_declaration
  (primary_constructor
    (class_parameters
      (class_parameter ["val" "var"] . (identifier) @name) @definition.property)))

(source_file
  (property_declaration (variable_declaration . (identifier) @name)) @definition.variable)
(source_file
  (property_declaration
    (multi_variable_declaration (variable_declaration . (identifier) @name)) @definition.variable))
(class_body
  (property_declaration (variable_declaration . (identifier) @name)) @definition.property)
(enum_class_body
  (property_declaration (variable_declaration . (identifier) @name)) @definition.property)
(property_declaration
  (modifiers (property_modifier "const"))
  (variable_declaration . (identifier) @name)) @definition.constant
