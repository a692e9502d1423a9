# class Commented
class Gauge extends Base
  constructor: (@level) ->
  read: -> @level
rise = (by) ->
  by
limit = 3
