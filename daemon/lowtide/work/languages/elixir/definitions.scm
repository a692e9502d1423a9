(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block)
  (#eq? @_call "defmodule")) @definition.module
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (do_block)
  (#eq? @_call "defprotocol")) @definition.interface
(call
  target: (identifier) @_call
  (arguments . (alias) @name)
  (#eq? @_call "defimpl")) @definition.extension

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
  (#any-of? @_call "def" "defp" "defdelegate" "defguard" "defguardp" "defn" "defnp")) @definition.function
(call
  target: (identifier) @_call
  (arguments . (binary_operator operator: _ @name))
  (#any-of? @_call "def" "defp" "defmacro" "defmacrop")
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
  (#any-of? @_call "defmacro" "defmacrop")) @definition.macro
(call
  target: (identifier) @_call
  (arguments . (string . (quoted_content) @name .))
  (do_block)
  (#any-of? @_call "test" "property")) @definition.function

; Fields: `defstruct [:name, depth: 0.0]`, `defexception [:gauge]`.
(call
  target: (identifier) @_call
  (arguments
    [
      (list [(atom) @name (keywords (pair key: (keyword) @name))])
      (keywords (pair key: (keyword) @name))
    ])
  (#any-of? @_call "defstruct" "defexception" "defrecord" "defrecordp")) @definition.field
(call
  target: (identifier) @_call
  (arguments . (atom) @name)
  (#any-of? @_call "field" "belongs_to" "has_many" "has_one" "many_to_many" "embeds_one" "embeds_many")) @definition.field

(unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_attribute
    (arguments
      . (binary_operator
        left: [(identifier) @name (call target: (identifier) @name)]
        operator: "::")))
  (#any-of? @_attribute "type" "typep" "opaque")) @definition.type
(unary_operator
  operator: "@"
  operand: (call
    target: (identifier) @_attribute
    (arguments . (binary_operator left: (call target: (identifier) @name) operator: "::")))
  (#any-of? @_attribute "callback" "macrocallback")) @definition.method
(do_block
  (unary_operator
    operator: "@"
    operand: (call target: (identifier) @name (arguments))) @definition.constant
  (#not-match? @name "^(?:moduledoc|doc|typedoc|shortdoc|since|deprecated|spec|typep?|opaque|(?:macro)?callback|optional_callbacks|impl|behaviou?r|derive|enforce_keys|before_compile|after_compile|after_verify|on_definition|on_load|compile|dialyzer|external_resource|file|vsn|tag|moduletag|describetag|fallback_to_any|requirements|primary_key|foreign_key_type|timestamps_opts)$"))
