; Functions hide anywhere (callbacks, object literals), so the whole tree is searched; variables only at the top.
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(class_declaration name: (identifier) @name) @definition.class
; With `export` and what decorates it.
(export_statement
  declaration: (_ name: (_) @name) @inner) @definition.variable

(variable_declarator
  name: (identifier) @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.function
(variable_declarator
  name: (identifier) @name
  value: (class body: (_) @body)) @definition.class

(class_body (method_definition name: (_) @name) @definition.method)
(object (method_definition name: (_) @name) @definition.method)
(field_definition property: (_) @name) @definition.field
(field_definition
  property: (_) @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.method

; `Foo.prototype.bar = function`, `exports.bar = () =>`
(assignment_expression
  left: (member_expression
    object: (member_expression
      object: (identifier) @container
      property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]
  (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: [(property_identifier) (private_property_identifier)] @name)
  ]
  right: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.function
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]
  right: (class body: (_) @body)) @definition.class

(pair
  key: [(property_identifier) (string) (number)] @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.method

(program
  (lexical_declaration
    kind: "const"
    (variable_declarator name: (identifier) @name) @definition.constant))
(program
  (lexical_declaration
    kind: "let"
    (variable_declarator name: (identifier) @name) @definition.variable))
(program
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement
  (lexical_declaration
    kind: "const"
    (variable_declarator name: (identifier) @name) @definition.constant))
(export_statement
  (lexical_declaration
    kind: "let"
    (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable))

; What a whole module wrapped in `(function () { … })()` declares.
(program
  (expression_statement
    (call_expression
      function: (parenthesized_expression
        (_ body: (statement_block
          (variable_declaration (variable_declarator name: (identifier) @name) @definition.variable)))))))
(program
  (expression_statement
    (call_expression
      function: (parenthesized_expression
        (_ body: (statement_block
          (lexical_declaration (variable_declarator name: (identifier) @name) @definition.constant)))))))
