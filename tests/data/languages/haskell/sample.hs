{-# LANGUAGE GADTs #-}
{-# LANGUAGE LambdaCase, TypeFamilies #-}

-- | Tides, and the harbours that suffer them.
module Harbour.Tide
  ( Tide (..)
  , Station (..)
  , nearest
  ) where

import qualified Data.Map.Strict as Map
import Data.List (sortOn)

-- | How the water moves.
data Tide
  = Ebb
  -- ^ Falling water.
  | Flood
  | Slack
  deriving (Eq, Ord, Show, Enum, Bounded)

-- | A station that measures the water.
data Station a = Station
  { stationName :: String
  -- ^ Shown on the chart.
  , stationDepth, stationLimit :: !Double
  , stationLog :: [Reading a]
  }
  | NoStation

newtype Metres = Metres { unMetres :: Double }
  deriving newtype (Num, Eq)

data Reading a where
  Exact :: Double -> Reading Double
  Rough :: { roughLow :: Double, roughHigh :: Double } -> Reading (Double, Double)

data Pair = Int :*: Int

type Table k = Map.Map k (Station Double)

type family Unit a
type instance Unit Metres = Double

-- | Something that can be measured.
class Show a => Measurable a where
  type Gauge a
  data Handle a
  -- | The depth in metres.
  depth :: a -> Double
  depth _ = minimumDepth
  label, caption :: a -> String
  {-# MINIMAL label #-}

instance Measurable (Station a) where
  type Gauge (Station a) = Int
  depth = stationDepth
  label Station {stationName = name} = name
  label NoStation = "none"

instance Show (Reading a) where
  show = \case
    Exact value -> show value
    Rough low _ -> show low

deriving instance Eq (Station Int)

-- | Metres of water below which nothing moves.
minimumDepth, maximumDepth :: Double
minimumDepth = 1.5
maximumDepth = 40

-- | The station nearest to a point.
--
-- Ties go to the first.
nearest :: Ord k => k -> Table k -> Maybe (Station Double)
nearest _ table | Map.null table = Nothing
nearest key table = case sortOn distance (Map.toList table) of
  [] -> Nothing
  (_, station) : _ -> Just station
  where
    distance (other, _) = compare other key
    helper = 3

sign :: Tide -> Int
sign Ebb = -1
sign Flood = 1
sign Slack = 0

infixl 6 <~>

(<~>) :: Station a -> Station b -> Double
left <~> right = stationDepth left - stationDepth right

größe' :: Double -> Int
größe' = round

noSignature x = x + 1

(first, second) = (1, 2)

pattern Deep :: Double -> Station a
pattern Deep d <- Station _ d _ _

foreign import ccall "math.h sin" c_sin :: Double -> Double

main :: IO ()
main = do
  let local = nearest 'a' Map.empty
  print (fmap stationDepth local)
