"""Vectors: segments, the delta on top of them, and the distances between them."""
