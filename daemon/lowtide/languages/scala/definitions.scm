; Scopes: the bodies of types. Functions are not searched, but for the functions at their top.
(package_clause name: (package_identifier) @name body: (_)? @scope) @definition.package
(package_object name: (_) @name body: (_)? @scope) @definition.module
(object_definition name: (_) @name body: (_)? @scope) @definition.module
(class_definition name: (_) @name body: (_)? @scope) @definition.class
(trait_definition name: (_) @name body: (_)? @scope) @definition.interface
(enum_definition name: (_) @name body: (_)? @scope) @definition.enum
(given_definition name: (_) @name body: (_)? @scope) @definition.class
(given_definition !name body: (with_template_body) @scope)
(val_definition value: (instance_expression (template_body) @scope))
(function_definition body: (instance_expression (template_body) @scope))
(ERROR) @scope

(enum_case_definitions
  [(simple_enum_case name: (_) @name) (full_enum_case name: (_) @name)] @definition.enum-member)
(type_definition name: (type_identifier) @name) @definition.type

(function_definition name: (_) @name "="? @body) @definition.function
(function_definition
  body: [
    (block (function_definition name: (_) @name "="? @body) @definition.function)
    (indented_block (function_definition name: (_) @name "="? @body) @definition.function)
  ])
(template_body (function_definition name: (_) @name) @definition.method)
(with_template_body (function_definition name: (_) @name) @definition.method)
(extension_definition (function_definition name: (_) @name "="? @body) @definition.method)
(function_declaration name: (_) @name) @definition.method

(template_body
  [
    (val_definition
      pattern: [(identifier) @name (identifiers (identifier) @name) (tuple_pattern (identifier) @name)])
    (var_definition pattern: [(identifier) @name (identifiers (identifier) @name)])
  ] @definition.property)
(with_template_body
  [
    (val_definition pattern: (identifier) @name)
    (var_definition pattern: (identifier) @name)
  ] @definition.property)
(enum_body (val_definition pattern: (identifier) @name) @definition.property)
(val_declaration name: (_) @name) @definition.property
(var_declaration name: (_) @name) @definition.property
(compilation_unit
  [
    (val_definition pattern: (identifier) @name)
    (var_definition pattern: (identifier) @name)
  ] @definition.variable)

; A parameter is a member with `val` or `var`, and everywhere in a case class.
(class_definition
  class_parameters: (class_parameters
    (class_parameter ["val" "var"] . name: (_) @name) @definition.property))
(class_definition
  "case"
  class_parameters: (class_parameters (class_parameter name: (_) @name) @definition.property))
(enum_definition
  class_parameters: (class_parameters
    (class_parameter ["val" "var"] . name: (_) @name) @definition.property))
