; Scopes: the bodies of blocks.
(block (body) @scope)

; `resource "type" "name" {`: the type is what the name belongs to, as in Terraform's addresses.
(block
  . (identifier)
  . (string_lit (template_literal) @container)
  . (string_lit (template_literal) @name)
  . (block_start) @body) @definition.class

(block
  . (identifier) @_type
  . [(string_lit (template_literal) @name) (identifier) @name]
  . (block_start) @body
  (#match? @_type "^(?:variable|output)$")) @definition.variable
(block
  . (identifier) @_type
  . (string_lit (template_literal) @name)
  . (block_start) @body
  (#eq? @_type "module")) @definition.module
(block
  . (identifier) @_type
  . [(string_lit (template_literal) @name) (identifier) @name]
  . (block_start) @body
  (#not-match? @_type "^(?:variable|output|module|dynamic|provisioner|backend)$")) @definition.class

(block
  . (identifier) @_type
  (body (attribute . (identifier) @name) @definition.constant)
  (#eq? @_type "locals"))
(config_file (body (attribute . (identifier) @name) @definition.variable))
