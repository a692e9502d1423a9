; Scopes: the bodies of types. Functions are not searched.
(library_name (dotted_identifier_list) @name) @definition.package

(class_definition name: (identifier) @name body: (_)? @scope) @definition.class
(class_definition (mixin_application_class . (identifier) @name)) @definition.class
(mixin_declaration (mixin) . (identifier) @name (class_body) @scope) @definition.class
(extension_declaration name: (identifier) @name) @definition.class
(extension_declaration body: (_) @scope)
(extension_type_declaration name: (identifier) @name body: (_)? @scope) @definition.class
(enum_declaration name: (identifier) @name body: (_) @scope) @definition.enum
(enum_constant name: (identifier) @name) @definition.enum-member
(type_alias . (type_identifier) @name . [(type_parameters) "="]) @definition.type
(type_alias (type_identifier) @name . (formal_parameter_list)) @definition.type
(ERROR) @scope

; The body stands beside its signature.
([
    (function_signature name: (identifier) @name)
    (getter_signature name: (identifier) @name)
    (setter_signature name: (identifier) @name)
  ] @definition.function
  . (function_body) @body @end)
(program
  [
    (function_signature name: (identifier) @name)
    (getter_signature name: (identifier) @name)
    (setter_signature name: (identifier) @name)
  ] @definition.function)
((method_signature
  [
    (function_signature name: (identifier) @name)
    (operator_signature (binary_operator) @name)
    (operator_signature "operator" . ["[]" "[]=" "~"] @name)
  ]) @definition.method
  . (function_body) @body @end)
((method_signature
  [
    (getter_signature name: (identifier) @name)
    (setter_signature name: (identifier) @name)
  ]) @definition.property
  . (function_body) @body @end)
((method_signature
  [
    (constructor_signature name: (identifier) @name . parameters: (_))
    (factory_constructor_signature (identifier) @name . (formal_parameter_list))
  ]) @definition.constructor
  . (function_body) @body @end)

; Members without a body.
(declaration
  [
    (function_signature name: (identifier) @name)
    (operator_signature (binary_operator) @name)
  ]) @definition.method
(declaration
  [
    (getter_signature name: (identifier) @name)
    (setter_signature name: (identifier) @name)
  ]) @definition.property
(declaration
  [
    (constructor_signature name: (identifier) @name . parameters: (_))
    (constant_constructor_signature (identifier) @name . (formal_parameter_list))
    (factory_constructor_signature (identifier) @name . (formal_parameter_list))
    (redirecting_factory_constructor_signature (identifier) @name . (formal_parameter_list))
  ]) @definition.constructor
(declaration
  (initialized_identifier_list (initialized_identifier . (identifier) @name))) @definition.field
(declaration
  (static_final_declaration_list (static_final_declaration . (identifier) @name))) @definition.field
(declaration
  . (const_builtin)
  (static_final_declaration_list (static_final_declaration . (identifier) @name))) @definition.constant

; At the top of a file a declaration has no node of its own.
(program
  (initialized_identifier_list (initialized_identifier . (identifier) @name) @definition.variable))
(program
  (static_final_declaration_list (static_final_declaration . (identifier) @name) @definition.constant))
