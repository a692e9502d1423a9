namespace py tide.gen
// struct Commented {}
const i32 LIMIT = 3
typedef i64 Level
enum Kind { LOW = 0 }
struct Gauge {
  1: required i32 level,
  2: optional list<string> names
}
exception Broken {
  1: string why
}
service Tides extends Base {
  i32 rise(1: i32 by) throws (1: Broken b),
  oneway void fall()
}
