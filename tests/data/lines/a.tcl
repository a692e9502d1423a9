# proc commented {} {}
namespace eval tide {
    proc rise {by} {
        return $by
    }
}
proc tide::fall {x} { return $x }
oo::class create Gauge {
    method read {} { return 1 }
}
set limit 3
