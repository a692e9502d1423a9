(package_clause name: (package_identifier) @name) @definition.package
(package_object name: (_) @name) @definition.module
(object_definition name: (_) @name) @definition.module
(class_definition name: (_) @name) @definition.class
(trait_definition name: (_) @name) @definition.interface
(enum_definition name: (_) @name) @definition.enum
(simple_enum_case name: (_) @name) @definition.enum-member
(full_enum_case name: (_) @name) @definition.enum-member
(type_definition name: (type_identifier) @name) @definition.type
(given_definition name: (_) @name) @definition.class

(function_definition name: (_) @name) @definition.function
(function_declaration name: (_) @name) @definition.method
(extension_definition body: (function_definition name: (_) @name) @definition.method)

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
(class_parameter ["val" "var"] . name: (_) @name) @definition.property
(class_definition
  "case"
  class_parameters: (class_parameters (class_parameter name: (_) @name) @definition.property))
