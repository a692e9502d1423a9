; Scopes: the blocks of modules; any other block, but for a function's, only when it holds a definition.
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block) @scope @body
  (#eq? @_call "defmodule")) @definition.module
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block
    (unary_operator
      operator: "@"
      operand: (call
        target: (identifier) @_attribute
        (arguments . (string (quoted_content) @doc)))))
  (#match? @_call "^def(?:module|protocol)$")
  (#eq? @_attribute "moduledoc")) @definition.module
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block) @scope @body
  (#eq? @_call "defprotocol")) @definition.interface
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block) @scope @body
  (#eq? @_call "defimpl")) @definition.module
(call
  target: (identifier) @_call
  (arguments
    . (alias) @name
    (keywords (pair key: (keyword) @_for value: (alias) @container)))
  (do_block) @body
  (#eq? @_call "defimpl")
  (#match? @_for "^for:")) @definition.module
(call
  target: (identifier) @_call
  (do_block) @scope.nested
  (#not-match? @_call "^(?:def|defp|test|property|setup|setup_all)$"))
(do_block (else_block) @scope.nested)
(ERROR) @scope

; `def name`, `def name(x)`, `def name(x) when guard`, `def left <~> right`.
(call
  target: (identifier) @_call
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator
        left: [(identifier) @name (call target: (identifier) @name)]
        operator: "when")
    ])
  (do_block)? @body
  (#match? @_call "^def(?:p|delegate|guardp?|np?)?$")) @definition.function
(call
  target: (identifier) @_call
  (arguments . (binary_operator operator: _ @name))
  (do_block)? @body
  (#match? @_call "^def(?:p|macrop?)?$")
  (#not-eq? @name "when")) @definition.operator
(call
  target: (identifier) @_call
  (arguments
    . [
      (identifier) @name
      (call target: (identifier) @name)
      (binary_operator
        left: [(identifier) @name (call target: (identifier) @name)]
        operator: "when")
    ])
  (do_block)? @body
  (#match? @_call "^defmacrop?$")) @definition.macro-function
(call
  target: (identifier) @_call
  (arguments . (string . (quoted_content) @name .))
  (do_block) @body
  (#match? @_call "^(?:test|property)$")) @definition.function

; Fields: `defstruct [:name, depth: 0.0]`, `defexception [:gauge]`, `field :name, :string`.
(call
  target: (identifier) @_call
  (arguments
    [
      (list [(atom) @name (keywords (pair key: (keyword) @name))])
      (keywords (pair key: (keyword) @name))
    ])
  (#match? @_call "^def(?:struct|exception|recordp?)$")) @definition.field
(call
  target: (identifier) @_call
  (arguments . (atom) @name)
  (#match? @_call "^(?:field|belongs_to|has_many|has_one|many_to_many|embeds_one|embeds_many)$")) @definition.field

(unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_attribute
    (arguments
      . (binary_operator
        left: [(identifier) @name (call target: (identifier) @name)]
        operator: "::")))
  (#match? @_attribute "^(?:typep?|opaque)$")) @definition.type
(unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_attribute
    (arguments . (binary_operator left: (call target: (identifier) @name) operator: "::")))
  (#match? @_attribute "^(?:macro)?callback$")) @definition.method
(do_block
  (unary_operator
    operator: "@"
    operand: (call target: (identifier) @name (arguments))) @definition.constant
  (#not-match? @name "^(?:moduledoc|doc|typedoc|shortdoc|since|deprecated|spec|typep?|opaque|(?:macro)?callback|optional_callbacks|impl|behaviou?r|derive|enforce_keys|before_compile|after_compile|after_verify|on_definition|on_load|compile|dialyzer|external_resource|file|vsn|tag|moduletag|describetag|fallback_to_any|requirements|primary_key|foreign_key_type|timestamps_opts)$"))
