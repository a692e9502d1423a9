"""The language server: the only package that imports pygls and lsprotocol.

Invariant: lsprotocol's types are loaded here, before any module asks for them: as they are by themselves they take a
sixth of the least budget.
"""

from lowtide_lsp.lean import load_types

load_types()
