"""What the parser must know of one language.

Invariant: data only; no grammar is imported here (see `work/parse/grammar.py`).

A language's folder holds `definitions.scm`, ONE query (behind that of the folder that its first line,
`; inherits: FOLDER`, names, if there is one: see `queries.py`) with these captures:

- `@definition.<kind>` on the node whose whole range is the definition, `@name` on the node that names it. Two patterns
  that share a name node make one symbol: the widest range, the more specific kind (so a decorated or templated
  definition is matched once bare, for its signature, and once with its wrapper). Kinds: see `work/parse/kinds.py`.
  `definition.extension` nests and names what is inside (Rust's `impl`, Swift's `extension`) without a symbol of its
  own.
- `@container` (optional): names what the definition belongs to when nesting does not say (Go's receiver).
- `@inner` (optional): the definition without its decorators or template header, where the signature starts.
- `@body` (optional): where the signature ends, when the grammar has no field called `body_field`.
- `@end` (optional): the last node of the definition, when it stands beside the definition's node (Dart's bodies).
- `@rest` (optional): the node that the definition lasts to the end of, or until the next with a `@rest` (Perl's
  packages).
- `@part` (optional): more of the name, in several places (the words and colons of a selector).
- `@category` (optional), beside `definition.extension`: names it, and gives it a symbol.
- `@doc` (optional): the documentation, when it is not in the comment above or the docstring.
- `@scope.inside`: a node in brackets whose inside is read as a text of its own, when the pattern `nested` is found
  there.
- `@scope`: a node whose inside is searched on its own. With `scan_depth` set, each search looks only that many levels
  down, so function bodies cost nothing; every place that may hold definitions must then be a scope. `@scope.nested` is
  searched only when the pattern `nested` is found in its text.
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec


class DocStyle(Enum):
    """Where a definition's documentation stands."""

    ABOVE = auto()
    """The comment directly above."""
    DOCSTRING = auto()
    """A string that begins the body, else the comment above."""
    NONE = auto()


class Macros(Enum):
    """Words that are blanked before the parse, for being macros where the grammar expects none."""

    NONE = auto()
    KERNEL = auto()
    CAPITALS = auto()
    HEADS = auto()
    """None; but a text that does not parse is read again without the macros in the heads of its declarations."""


class View(Enum):
    """What of a text its grammar sees."""

    WHOLE = auto()
    SCRIPTS = auto()
    """What stands in its scripts, everything else blank."""
    CELLS = auto()
    """A notebook's cells, in the language of the notebook."""


class Language(msgspec.Struct, frozen=True):
    """One language: its grammar, its files, and the few settings that its query cannot say."""

    name: str
    module: str
    """The package of the grammar's official wheel; empty when there is none: see `lines.py`."""
    function: str = "language"
    """The function of `module` that gives the grammar."""
    folder: str = ""
    """The folder of `definitions.scm`, when it is not `name`."""
    extensions: tuple[str, ...] = ()
    """With the dot, lower case; one in upper case is matched before the rest (`.C`)."""
    filenames: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    """Programs of a `#!` line, without their version."""
    comment_types: tuple[str, ...] = ("comment",)
    """Node kinds that stay with what follows them: comments."""
    prefix_types: tuple[str, ...] = ()
    """More of these: attributes and decorators that are siblings of what they belong to."""
    doc_style: DocStyle = DocStyle.ABOVE
    line_comments: tuple[str, ...] = ("//",)
    block_comments: tuple[tuple[str, str], ...] = (("/*", "*/"),)
    above_skip: tuple[str, ...] = ()
    """Lines that may stand between a doc comment and its definition begin with one of these."""
    methods: bool = True
    """A function directly in a class-like definition is a method, a variable there a field."""
    constructors: tuple[str, ...] = ()
    """Names of methods that are constructors."""
    class_named_constructors: bool = False
    """A method named as its class is a constructor."""
    constant_case: bool = False
    """A variable or a field in ALL_CAPS is a constant."""
    name_separator: str = ""
    """Splits a qualified name into container and name."""
    name_trim: str = ""
    """Characters at the ends of a name's node that are no part of the name (Ruby's `:name`)."""
    raw_prefix: str = ""
    """Stands before a name that would be a keyword, and is no part of it (Rust's `r#type`)."""
    has_blank: bool = False
    """`_` stands where a name must, and is none."""
    members: str = ""
    """What sets a field of the object that a method belongs to, up to the group `name` (Python's `self.x`)."""
    joins_clauses: bool = False
    """Functions of one name that follow each other are the clauses of one definition."""
    macros: Macros = Macros.NONE
    rewrites: tuple[tuple[str, str], ...] = ()
    """Pattern and replacement, for what the grammar cannot read: see `work/parse/rewrite.py`."""
    body_field: str = "body"
    scan_depth: int = 0
    nested: str = ""
    nested_any: tuple[str, ...] = ()
    """Or one of these is, each beginning with plain text: ten times as fast."""
    view: View = View.WHOLE
    is_data: bool = False
    """A text in it is no program: one that holds a key is left out whole."""
    searches_functions: bool = False
    """A `@scope.nested` is searched to its full depth, for everything but variables and constants."""
    memory_factor: float = 24.0
    """A typical syntax tree's bytes for each byte of text: the first guess, until measured."""
