# commented <- function() 1
rise <- function(by) {
  local <- by
  local
}
fall = function(x) x
LIMIT <- 3
setClass("Gauge", representation(level = "numeric"))
setMethod("show", "Gauge", function(object) 1)
Meter <- R6Class("Meter", list(
  read = function() 1
))
