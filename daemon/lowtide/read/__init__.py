"""The answering side: one immutable view of an index, and the questions over it."""
