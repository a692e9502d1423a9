; A target is a function that holds nothing, for a rule swallows the conditional after it. Plain names only: no
; patterns, no special targets, nothing that is left of a line the grammar cannot read.
(rule
  (targets (word) @name)
  (#match? @name "^(?:[\\w/~-]|\\.(?![A-Z]))[\\w./@~+-]*$")) @definition.declaration
(define_directive name: (word) @name value: (_)? @body) @definition.function

; `+=` adds to a variable that is defined elsewhere.
(variable_assignment
  !target_or_pattern
  name: (word) @name
  operator: ["=" ":=" "::=" "?="]) @definition.variable
(shell_assignment name: (word) @name) @definition.variable
