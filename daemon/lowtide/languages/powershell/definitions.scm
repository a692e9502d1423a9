; Scopes: classes and enums; a block only when it holds a definition.
(function_statement (function_name) @name "{" @body) @definition.function
(function_statement (script_block script_block_body: (script_block_body) @scope.nested))
(named_block (statement_block statement_list: (statement_list) @scope.nested))
(if_statement (statement_block statement_list: (statement_list) @scope.nested))
(if_statement (else_clause (statement_block statement_list: (statement_list) @scope.nested)))
(pipeline
  (pipeline_chain
    (command
      command_elements: (command_elements
        (array_literal_expression
          (unary_expression
            (script_block_expression
              (script_block script_block_body: (script_block_body) @scope.nested))))))))
(try_statement (statement_block statement_list: (statement_list) @scope.nested))
(foreach_statement (statement_block statement_list: (statement_list) @scope.nested))
(ERROR) @scope

(class_statement . (simple_name) @name "{" @body) @definition.class
(class_statement) @scope
(class_property_definition (variable) @name) @definition.property
(class_method_definition (simple_name) @name "{" @body) @definition.method
(enum_statement . (simple_name) @name "{" @body) @definition.enum
(enum_statement) @scope
(enum_member . (simple_name) @name) @definition.enum-member

; What a script sets at its top: the grammar wraps a variable in every level of precedence.
(program
  (statement_list
    (pipeline
      (assignment_expression
        . (left_assignment_expression
          . (logical_expression
            . (bitwise_expression
              . (comparison_expression
                . (additive_expression
                  . (multiplicative_expression
                    . (format_expression
                      . (range_expression
                        . (array_literal_expression
                          . (unary_expression
                            . [
                              (variable) @name
                              (expression_with_unary_operator
                                (cast_expression (unary_expression . (variable) @name)))
                            ]))))))))))) @definition.variable)))
