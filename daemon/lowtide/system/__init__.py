"""The machine: files, memory, locks, and events."""
