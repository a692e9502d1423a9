; Function bodies hold nothing that a user would look for; struct and interface bodies are scopes.
(package_clause (package_identifier) @name) @definition.package

(function_declaration name: (identifier) @name) @definition.function

(method_declaration
  receiver: (parameter_list
    (parameter_declaration
      type: [
        (type_identifier) @container
        (pointer_type (type_identifier) @container)
        (generic_type type: (type_identifier) @container)
        (pointer_type (generic_type type: (type_identifier) @container))
        (parenthesized_type (pointer_type (type_identifier) @container))
      ]))
  name: (field_identifier) @name) @definition.method

(type_declaration
  (type_spec
    name: (type_identifier) @name
    type: (struct_type (field_declaration_list) @scope @body)) @definition.struct)
(type_declaration
  (type_spec
    name: (type_identifier) @name
    type: (interface_type) @scope) @definition.interface)
(type_declaration
  (type_spec name: (type_identifier) @name) @definition.type)
(type_declaration
  (type_alias name: (type_identifier) @name) @definition.typedef)
(type_declaration
  (type_spec type: (_ (struct_type (field_declaration_list) @scope))))

; Without the field: with it only the first of several names is found.
(const_declaration (const_spec (identifier) @name) @definition.constant)
(var_declaration (var_spec (identifier) @name) @definition.variable)
(var_declaration (var_spec_list (var_spec (identifier) @name) @definition.variable))

(field_declaration name: (field_identifier) @name) @definition.field
(field_declaration type: (struct_type (field_declaration_list) @scope))
(field_declaration type: (_ (struct_type (field_declaration_list) @scope)))
(method_elem name: (field_identifier) @name) @definition.method
(ERROR) @scope
