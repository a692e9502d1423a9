; Scopes: the bodies of types; a function's body only when it holds a type.
(variable_declaration . (identifier) @name (struct_declaration) @scope) @definition.struct
(variable_declaration . (identifier) @name (union_declaration) @scope) @definition.struct
(variable_declaration . (identifier) @name (opaque_declaration) @scope) @definition.struct
(variable_declaration . (identifier) @name [(enum_declaration) (error_set_declaration)] @scope) @definition.enum
(expression_statement
  (return_expression
    [(struct_declaration) (union_declaration) (enum_declaration) (opaque_declaration)] @scope))

(function_declaration
  name: (identifier) @name
  body: (_)? @scope.nested) @definition.function
(test_declaration [(string (string_content) @name) (identifier) @name] . (block) @body) @definition.function
(test_declaration (block) @scope.nested)
(comptime_declaration (block) @scope.nested)
(ERROR) @scope

; Constants and variables of a container; what stands in a block is local.
(source_file
  (variable_declaration "const" . (identifier) @name) @definition.constant
  (#not-match? @definition.constant "^[^\n]*= *@(?:import|This)\\("))
(source_file (variable_declaration "var" . (identifier) @name) @definition.variable)
(struct_declaration
  (variable_declaration "const" . (identifier) @name) @definition.constant
  (#not-match? @definition.constant "^[^\n]*= *@This\\("))
(struct_declaration (variable_declaration "var" . (identifier) @name) @definition.variable)
(union_declaration (variable_declaration "const" . (identifier) @name) @definition.constant)
(enum_declaration (variable_declaration "const" . (identifier) @name) @definition.constant)
(opaque_declaration (variable_declaration "const" . (identifier) @name) @definition.constant)

(source_file (container_field name: (identifier) @name) @definition.field)
(struct_declaration (container_field name: (identifier) @name) @definition.field)
(union_declaration (container_field name: (identifier) @name) @definition.field)
(enum_declaration
  (container_field name: (identifier) @name (#not-eq? @name "_")) @definition.enum-member)
(error_set_declaration (identifier) @name @definition.enum-member)
