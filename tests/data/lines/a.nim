# proc commented() = discard
type
  Gauge* = object
    level*: int
  Kind = enum
    low, high
proc rise*(by: int): int =
  let local = by
  result = local
func fall(x: int): int = x
template withTide(body: untyped) = body
iterator items(g: Gauge): int = yield 1
const Limit* = 3
method read(g: Gauge) {.base.} = discard
