(module name: (_) @name) @definition.module
(class name: (_) @name) @definition.class

(method name: (_) @name) @definition.function
(singleton_method name: (_) @name) @definition.method
(alias name: [(identifier) (constant) (operator) (setter) (simple_symbol)] @name) @definition.method

(assignment left: (constant) @name) @definition.constant
(operator_assignment left: (constant) @name) @definition.constant
(assignment left: (left_assignment_list (constant) @name)) @definition.constant
(program (assignment left: (global_variable) @name) @definition.variable)

; `Point = Struct.new(:x) do ... end` defines a class under a constant's name.
(assignment
  left: (constant) @name
  right: (call
    receiver: (constant) @_receiver
    method: (identifier) @_method)
  (#any-of? @_receiver "Struct" "Class" "Data" "Module")
  (#any-of? @_method "new" "define")) @definition.class

; Calls that define accessors for every argument.
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list
    [(simple_symbol) @name (string (string_content) @name)])
  (#any-of? @_method
    "attr_reader" "attr_writer" "attr_accessor" "attr_internal"
    "cattr_reader" "cattr_writer" "cattr_accessor"
    "mattr_reader" "mattr_writer" "mattr_accessor"
    "thread_mattr_accessor" "class_attribute")) @definition.property

; Calls whose first argument is the name that they define.
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . [(simple_symbol) @name (string (string_content) @name)])
  (#any-of? @_method
    "belongs_to" "has_one" "has_many" "has_and_belongs_to_many" "attribute")) @definition.property
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . [(simple_symbol) @name (string (string_content) @name)])
  (#any-of? @_method
    "define_method" "define_singleton_method" "alias_method" "scope" "task")) @definition.method
