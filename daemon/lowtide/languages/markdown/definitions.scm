(section . (atx_heading heading_content: (inline) @name)) @definition.heading
; The grammar makes no section for an underlined heading.
(setext_heading heading_content: (paragraph (inline) @name)) @definition.heading
