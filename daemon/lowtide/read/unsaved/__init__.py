"""What editors have open and not saved, lying over an index."""
