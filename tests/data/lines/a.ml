(* let commented x = 1 *)
open Core
module Gauge = struct
  type t = { level : int; mutable name : string }
  let read t = t.level
  exception Broken of string
end
module type READER = sig
  val read : int -> int
end
type color =
  | Red
  | Green of int
let rec rise by =
  let local = by + 1 in
  local
and fall x = x
let limit = 3
let handler = function
  | Some x -> x
  | None -> 0
let ( +: ) a b = a + b
class counter = object
  method incr = 1
end
external now : unit -> float = "now"
