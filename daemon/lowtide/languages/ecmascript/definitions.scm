; What JavaScript and TypeScript both define alike.
; Functions hide anywhere (callbacks, object literals), so the whole tree is searched; variables only at the top.
(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
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
(assignment_expression
  left: [
    (identifier) @name
    (member_expression property: (property_identifier) @name)
  ]
  right: (class body: (_) @body)
  (#not-eq? @name "exports")) @definition.class

; A class in an expression has a name of its own: what holds it keeps its members. So has a function that is handed on;
; one that is held by a name is known by that.
(variable_declarator
  name: (identifier) @_outer
  value: (class name: (_) @name) @definition.typedef
  (#not-eq? @name @_outer))
(assignment_expression
  left: [
    (identifier) @_outer
    (member_expression property: (_) @_outer)
  ]
  right: (class name: (_) @name) @definition.typedef
  (#not-eq? @name @_outer))
(pair value: (class name: (_) @name) @definition.class)
(arguments (class name: (_) @name) @definition.class)
(array (class name: (_) @name) @definition.class)
(return_statement (class name: (_) @name) @definition.class)
(arrow_function body: (class name: (_) @name) @definition.class)
(parenthesized_expression (class name: (_) @name) @definition.class)
(arguments (function_expression name: (identifier) @name) @definition.function)
(return_statement (function_expression name: (identifier) @name) @definition.function)

(class_body (method_definition name: (_) @name) @definition.method)
(object (method_definition name: (_) @name) @definition.method)

; `Foo.prototype.bar = function`, `exports.bar = () =>`
(assignment_expression
  left: (member_expression
    object: (member_expression
      object: (_) @container
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
  ]
  (#not-eq? @name "exports")) @definition.function

(assignment_expression
  left: (member_expression
    object: (member_expression
      object: (_) @container
      property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(identifier) (member_expression) (call_expression)]
  (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: (member_expression
    object: (member_expression
      object: (_) @container
      property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(number) (string) (true) (false) (null) (object) (array)]
  (#eq? @_prototype "prototype")) @definition.property
; `Foo.prototype = { bar() {} }` only says what its methods belong to.
(assignment_expression
  left: (member_expression object: (_) @name property: (property_identifier) @_prototype)
  right: (object)
  (#eq? @_prototype "prototype")) @definition.extension
(call_expression
  function: (member_expression
    object: (identifier) @_object
    property: (property_identifier) @_define)
  arguments: (arguments . (_) . (string (string_fragment) @name) . (object))
  (#eq? @_object "Object")
  (#eq? @_define "defineProperty")
  (#not-eq? @name "__esModule")) @definition.property

; CommonJS: `exports.bar = value`, `module.exports = { bar: value }`, and what a script sets on its global object. A
; function that is handed out under its own name is defined where it stands.
(program
  (expression_statement
    (assignment_expression
      left: (member_expression object: (identifier) @_object property: (property_identifier) @name)
      right: (_) @_value) @definition.property)
  (#any-of? @_object "exports" "window" "globalThis")
  (#not-any-of? @name "default" "__esModule" "onload" "location")
  (#not-eq? @name @_value))
(program
  (expression_statement
    (assignment_expression
      left: (member_expression
        object: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
        property: (property_identifier) @name)
      right: (_) @_value) @definition.property)
  (#eq? @_module "module")
  (#eq? @_exports "exports")
  (#not-eq? @name "default")
  (#not-eq? @name @_value))
(program
  (expression_statement
    (assignment_expression
      left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
      right: (object
        (pair
          key: [(property_identifier) (string)] @name
          value: (_) @_value) @definition.property)))
  (#eq? @_module "module")
  (#eq? @_exports "exports")
  (#not-eq? @name @_value))
(program
  (expression_statement
    (assignment_expression
      left: (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
      right: (function_expression name: (identifier) @name) @definition.function))
  (#eq? @_module "module")
  (#eq? @_exports "exports"))

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

; `const { a, b: c } = value`, `const [d, e] = value`
(program
  (lexical_declaration
    (variable_declarator
      name: [
        (object_pattern [
          (shorthand_property_identifier_pattern) @name
          (pair_pattern value: (identifier) @name)
          (pair_pattern value: (assignment_pattern left: (identifier) @name))
          (object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
          (rest_pattern (identifier) @name)
          (pair_pattern value: (object_pattern [
            (shorthand_property_identifier_pattern) @name
            (pair_pattern value: (identifier) @name)
          ]))
          (pair_pattern value: (array_pattern (identifier) @name))
        ])
        (array_pattern [
          (identifier) @name
          (assignment_pattern left: (identifier) @name)
          (rest_pattern (identifier) @name)
          (array_pattern (identifier) @name)
          (object_pattern (shorthand_property_identifier_pattern) @name)
        ])
      ]) @definition.constant))
(program
  (variable_declaration
    (variable_declarator
      name: [
        (object_pattern [
          (shorthand_property_identifier_pattern) @name
          (pair_pattern value: (identifier) @name)
          (pair_pattern value: (assignment_pattern left: (identifier) @name))
          (object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
          (rest_pattern (identifier) @name)
          (pair_pattern value: (object_pattern [
            (shorthand_property_identifier_pattern) @name
            (pair_pattern value: (identifier) @name)
          ]))
          (pair_pattern value: (array_pattern (identifier) @name))
        ])
        (array_pattern [
          (identifier) @name
          (assignment_pattern left: (identifier) @name)
          (rest_pattern (identifier) @name)
          (array_pattern (identifier) @name)
          (object_pattern (shorthand_property_identifier_pattern) @name)
        ])
      ]) @definition.variable))
(export_statement
  (lexical_declaration
    (variable_declarator
      name: [
        (object_pattern [
          (shorthand_property_identifier_pattern) @name
          (pair_pattern value: (identifier) @name)
          (pair_pattern value: (assignment_pattern left: (identifier) @name))
          (object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
          (rest_pattern (identifier) @name)
          (pair_pattern value: (object_pattern [
            (shorthand_property_identifier_pattern) @name
            (pair_pattern value: (identifier) @name)
          ]))
          (pair_pattern value: (array_pattern (identifier) @name))
        ])
        (array_pattern [
          (identifier) @name
          (assignment_pattern left: (identifier) @name)
          (rest_pattern (identifier) @name)
          (array_pattern (identifier) @name)
          (object_pattern (shorthand_property_identifier_pattern) @name)
        ])
      ]) @definition.constant))
(export_statement
  (variable_declaration
    (variable_declarator
      name: [
        (object_pattern [
          (shorthand_property_identifier_pattern) @name
          (pair_pattern value: (identifier) @name)
          (pair_pattern value: (assignment_pattern left: (identifier) @name))
          (object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
          (rest_pattern (identifier) @name)
          (pair_pattern value: (object_pattern [
            (shorthand_property_identifier_pattern) @name
            (pair_pattern value: (identifier) @name)
          ]))
          (pair_pattern value: (array_pattern (identifier) @name))
        ])
        (array_pattern [
          (identifier) @name
          (assignment_pattern left: (identifier) @name)
          (rest_pattern (identifier) @name)
          (array_pattern (identifier) @name)
          (object_pattern (shorthand_property_identifier_pattern) @name)
        ])
      ]) @definition.variable))
