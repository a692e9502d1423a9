"""What is kept on disk: the catalog (SQLite, the truth) and the segments (a cache of it)."""
