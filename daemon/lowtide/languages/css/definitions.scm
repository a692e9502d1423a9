; A rule defines the classes and ids of its selectors, up to two combinators deep.
(rule_set
  (selectors [
    (class_selector (class_name) @name .)
    (_ (class_selector (class_name) @name .))
    (_ (_ (class_selector (class_name) @name .)))
  ])) @definition.class
(rule_set
  (selectors [
    (id_selector (id_name) @name)
    (_ (id_selector (id_name) @name))
    (_ (_ (id_selector (id_name) @name)))
  ])) @definition.key

(declaration . (property_name) @name (#match? @name "^--")) @definition.variable
(keyframes_statement (keyframes_name) @name) @definition.function
(at_rule
  . (at_keyword) @_keyword
  . (keyword_query) @name
  . (block)
  (#eq? @_keyword "@property")) @definition.variable
(at_rule
  . (at_keyword) @_keyword
  . (keyword_query) @name
  . (block)
  (#eq? @_keyword "@layer")) @definition.namespace
