"""Very many vectors, built piece by piece under one budget."""
