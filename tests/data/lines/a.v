Require Import List.
(* Definition commented := 1. *)
Module Tide.
Inductive kind : Type :=
| low : kind
| high.
Definition rise (x : nat) := x.
Fixpoint fall (x : nat) : nat := x.
Theorem rise_ok : forall x, rise x = x.
Proof. auto. Qed.
End Tide.
