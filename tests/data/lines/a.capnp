# struct Commented {}
struct Gauge {
  level @0 :Int32;
  enum Kind {
    low @0;
  }
}
interface Tides {
  rise @0 (by :Int32) -> ();
}
