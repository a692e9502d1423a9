module Tide exposing (..)
-- commented : Int
type alias Model = { level : Int }
type Msg
    = Rise
    | Fall Int
rise : Int -> Int
rise by =
    by
port out : String -> Cmd msg
