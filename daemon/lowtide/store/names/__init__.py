"""Symbol names: segments of them, and fuzzy search over millions."""
