; Keys of the two outermost levels.
(document
  (object (pair key: (string . (string_content) @name .)) @definition.key))
(document
  (object
    (pair
      value: (object (pair key: (string . (string_content) @name .)) @definition.key))))
