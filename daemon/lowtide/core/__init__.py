"""Decisions as pure functions and values: no I/O, no await, the clock is passed in."""
