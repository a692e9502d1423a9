; Scopes: the bodies of classes and modules; a block or a branch only when it holds a definition.
(module name: (_) @name body: (_) @scope) @definition.module
(class name: (_) @name body: (_) @scope) @definition.class
(module name: (_) @name) @definition.module
(class name: (_) @name) @definition.class
(singleton_class body: (_) @scope)
(call block: [(do_block body: (_) @scope.nested) (block body: (_) @scope.nested)])
(assignment right: (call block: [(do_block body: (_) @scope.nested) (block body: (_) @scope.nested)]))
(if) @scope.nested
(unless) @scope.nested
(elsif) @scope.nested
(else) @scope.nested
(then) @scope.nested
(begin) @scope.nested
(ERROR) @scope.nested

(method name: (_) @name) @definition.function
(body_statement (method name: (_) @name) @definition.method)
(call arguments: (argument_list (method name: (_) @name) @definition.method))
(singleton_method name: (_) @name) @definition.method
(assignment left: (scope_resolution name: (constant) @name)) @definition.constant
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
    method: (identifier) @_method
    block: (_)? @body)
  (#match? @_receiver "^(?:Struct|Class|Data|Module)$")
  (#match? @_method "^(?:new|define)$")) @definition.class

; Calls that define accessors for every argument.
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list
    [(simple_symbol) @name (string (string_content) @name)])
  (#match? @_method "^(?:attr(?:_reader|_internal)?|(?:thread_)?[cm]attr_reader|delegate)$")) @definition.property
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list
    [(simple_symbol) @name (string (string_content) @name)])
  (#match? @_method "^(?:attr_(?:writer|accessor)|(?:thread_)?[cm]attr_(?:writer|accessor)|class_attribute)$")) @definition.accessor
; `private attr_reader :level`, `Tide = Struct.new(:level)`
(call
  !receiver
  method: (identifier) @_visibility
  arguments: (argument_list
    (call
      !receiver
      method: (identifier) @_method
      arguments: (argument_list
        [(simple_symbol) @name (string (string_content) @name)]))) @definition.property
  (#match? @_visibility "^(?:private|protected|public|private_class_method)$")
  (#match? @_method "^attr(?:_reader)?$"))
(call
  !receiver
  method: (identifier) @_visibility
  arguments: (argument_list
    (call
      !receiver
      method: (identifier) @_method
      arguments: (argument_list
        [(simple_symbol) @name (string (string_content) @name)]))) @definition.accessor
  (#match? @_visibility "^(?:private|protected|public|private_class_method)$")
  (#match? @_method "^attr_(?:writer|accessor)$"))
(assignment
  left: (constant)
  right: (call
    receiver: (constant) @_receiver
    method: (identifier) @_method
    arguments: (argument_list (simple_symbol) @name @definition.property))
  (#match? @_receiver "^(?:Struct|Data)$")
  (#match? @_method "^(?:new|define)$"))

; Calls whose first argument is the name that they define.
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . [(simple_symbol) @name (string (string_content) @name)])
  (#match? @_method "^(?:belongs_to|has_one|has_many|has_and_belongs_to_many|attribute|enum)$")) @definition.property
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list . [(simple_symbol) @name (string (string_content) @name)])
  (#match? @_method "^(?:define_method|define_singleton_method|alias_method|scope|task|let!?|subject!?)$")) @definition.method
; `task migrate: :environment`, `task :migrate => :environment`
(call
  !receiver
  method: (identifier) @_method
  arguments: (argument_list
    . (pair key: [(hash_key_symbol) @name (simple_symbol) @name (string (string_content) @name)]))
  (#match? @_method "^(?:task|enum)$")) @definition.method
