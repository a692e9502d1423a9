; inherits: ecmascript
(class_declaration name: (identifier) @name) @definition.class

(field_definition property: (_) @name) @definition.field
(field_definition
  property: (_) @name
  value: [
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
    (arrow_function body: (_) @body)
  ]) @definition.method

(program
  (expression_statement
    (assignment_expression
      left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
      right: (class name: (identifier) @name) @definition.class))
  (#eq? @_module "module")
  (#eq? @_exports "exports"))

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
