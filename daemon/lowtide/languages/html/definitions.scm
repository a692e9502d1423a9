; What a template fills in is no name. Elements with an id. The anchors keep deep nesting cheap: an element is done after its first child.
(element
  . [
    (start_tag
      (attribute
        . (attribute_name) @_attribute
        . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)]))
    (self_closing_tag
      (attribute
        . (attribute_name) @_attribute
        . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)]))
  ]
  (#any-of? @_attribute "id" "ID" "Id")
  (#not-match? @name "\\{[{%#]|<[%?]|\\$\\{|\\[\\[|^@|#\\{")) @definition.key
(script_element
  . (start_tag
    (attribute . (attribute_name) @_attribute . (quoted_attribute_value (attribute_value) @name)))
  (#eq? @_attribute "id")
  (#not-match? @name "\\{[{%#]|<[%?]|\\$\\{|\\[\\[|^@|#\\{")) @definition.key
(style_element
  . (start_tag
    (attribute . (attribute_name) @_attribute . (quoted_attribute_value (attribute_value) @name)))
  (#eq? @_attribute "id")
  (#not-match? @name "\\{[{%#]|<[%?]|\\$\\{|\\[\\[|^@|#\\{")) @definition.key
; Headings, by the first text in them.
(element
  . (start_tag . (tag_name) @_tag)
  . (text) @name
  (#any-of? @_tag "h1" "h2" "h3" "h4" "h5" "h6" "H1" "H2" "H3" "H4" "H5" "H6")
  (#not-match? @name "\\{[{%#]|<[%?]|\\$\\{|\\[\\[|^@|#\\{")) @definition.heading
