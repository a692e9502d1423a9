; inherits: typescript
; A component has the name that its options say: `export default { name: 'Gauge' }`, with or without a call around it.
(export_statement
  value: (object
    (pair
      key: (property_identifier) @_key
      value: (string (string_fragment) @name)))
  (#eq? @_key "name")) @definition.class
(export_statement
  value: (call_expression
    arguments: (arguments
      (object
        (pair
          key: (property_identifier) @_key
          value: (string (string_fragment) @name)))))
  (#eq? @_key "name")) @definition.class
(expression_statement
  (call_expression
    function: (identifier) @_define
    arguments: (arguments
      (object
        (pair
          key: (property_identifier) @_key
          value: (string (string_fragment) @name)))))
  (#eq? @_define "defineOptions")
  (#eq? @_key "name")) @definition.class
