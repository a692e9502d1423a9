module Tide where
-- commented :: Int
data Kind = Low | High
class Gauge a where
  read :: a -> Int
rise :: Int -> Int
rise by = by
