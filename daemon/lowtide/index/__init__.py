"""The writing side: an index brought up to date, and kept so."""
