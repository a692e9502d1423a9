-- def commented := 1
namespace Tide
structure Gauge where
  level : Nat
inductive Kind
  | low
  | high
def rise (by_ : Nat) : Nat := by_
theorem rise_le : 1 ≤ 2 := by decide
end Tide
