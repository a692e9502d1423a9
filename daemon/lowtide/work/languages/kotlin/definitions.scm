(package_header (qualified_identifier) @name) @definition.package

(class_declaration name: (identifier) @name) @definition.class
(class_declaration "interface" name: (identifier) @name) @definition.interface
(class_declaration
  (modifiers (class_modifier "enum"))
  name: (identifier) @name) @definition.enum
(enum_entry . (identifier) @name) @definition.enum-member
(object_declaration name: (identifier) @name) @definition.class
(companion_object name: (identifier) @name) @definition.class
(type_alias type: (identifier) @name) @definition.type

(function_declaration name: (identifier) @name) @definition.function
(secondary_constructor "constructor" @name) @definition.constructor
; A constructor's parameter is a property only with `val` or `var`.
(class_parameter ["val" "var"] . (identifier) @name) @definition.property

(source_file
  (property_declaration (variable_declaration . (identifier) @name)) @definition.variable)
(class_body
  (property_declaration (variable_declaration . (identifier) @name)) @definition.property)
(enum_class_body
  (property_declaration (variable_declaration . (identifier) @name)) @definition.property)
(property_declaration
  (modifiers (property_modifier "const"))
  (variable_declaration . (identifier) @name)) @definition.constant
