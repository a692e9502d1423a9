package tide;
// class Commented {}
class Gauge extends Base {
  public var level:Int;
  static inline function make():Gauge { return null; }
  public function new() {}
}
interface IRead {}
enum Kind { Low; }
typedef Point = { x:Int }
