module Tide.Core
// let commented x = 1
open System
type Gauge(level: int) =
    let mutable state = 0
    member this.Read() = level
    member _.Name = "x"
    static member Create() = Gauge(1)
    interface IDisposable with
        member _.Dispose() = ()
type Color =
    | Red
    | Green of int
type Point = { X: int; Y: int }
let rise by = by + 1
let inline private fall (x: int) : int = x
let limit = 3
let (|Even|Odd|) n = if n % 2 = 0 then Even else Odd
[<Literal>]
let Max = 10
module Inner =
    let deep x = x
exception Broken of string
