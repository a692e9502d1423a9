; Scopes: the bodies of namespaces and types; a function's only when it may hold a local function.
(namespace_declaration name: (_) @name body: (_) @scope) @definition.namespace
(compilation_unit (file_scoped_namespace_declaration name: (_) @name) @definition.namespace) @rest
(preproc_if) @scope
(preproc_elif) @scope
(preproc_else) @scope
(ERROR) @scope

(class_declaration name: (identifier) @name body: (_)? @scope) @definition.class
(record_declaration name: (identifier) @name body: (_)? @scope) @definition.class
(struct_declaration name: (identifier) @name body: (_)? @scope) @definition.struct
(interface_declaration name: (identifier) @name body: (_)? @scope) @definition.interface
(enum_declaration name: (identifier) @name) @definition.enum
(enum_declaration
  body: (enum_member_declaration_list
    (enum_member_declaration name: (identifier) @name) @definition.enum-member))
(delegate_declaration name: (identifier) @name) @definition.type

(method_declaration name: (identifier) @name) @definition.method
(local_function_statement name: (identifier) @name) @definition.function
(compilation_unit
  (global_statement
    (local_function_statement
      name: (identifier) @name
      body: (block)? @scope.nested) @definition.function))
(compilation_unit (global_statement) @scope.nested)
(method_declaration body: (block) @scope.nested)
(constructor_declaration body: (block) @scope.nested)
(operator_declaration body: (block) @scope.nested)
(conversion_operator_declaration body: (block) @scope.nested)
(property_declaration accessors: (accessor_list) @scope.nested)
(indexer_declaration accessors: (accessor_list) @scope.nested)
(field_declaration (variable_declaration (variable_declarator (lambda_expression) @scope.nested)))
(constructor_declaration name: (identifier) @name) @definition.constructor
(destructor_declaration name: (identifier) @name) @definition.method
(operator_declaration operator: _ @name) @definition.operator
(conversion_operator_declaration type: (_) @name) @definition.operator

(property_declaration name: (identifier) @name) @definition.property
(indexer_declaration "this" @name) @definition.property
(record_declaration
  (parameter_list (parameter name: (identifier) @name) @definition.property))

(event_declaration name: (identifier) @name) @definition.event
(event_field_declaration
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.event

(field_declaration
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.field
(field_declaration
  (modifier "const")
  (variable_declaration (variable_declarator name: (identifier) @name))) @definition.constant
