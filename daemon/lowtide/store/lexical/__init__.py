"""The lexical index: which chunks hold which words, in Tantivy, with a delta of what it does not hold yet."""
