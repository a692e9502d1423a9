"""The daemon's side of its workers: who may run, with how much, and what ends them."""
