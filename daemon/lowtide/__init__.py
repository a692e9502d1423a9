"""Lowtide: keeps a whole workspace searchable, by symbol and by meaning, inside a memory budget.

The engine. It knows nothing of LSP; `lowtide_lsp` and `lowtide.cli` are its two clients.
"""

__version__ = "0.1.0"
