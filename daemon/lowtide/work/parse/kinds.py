"""What the patterns of a query find: kinds of symbols, how specific each is, and what is known of a match.

Invariant: values only.
"""

from __future__ import annotations

import msgspec

from lowtide.models import SymbolKind
from lowtide.work.parse.node import Captures, Node

SymbolRow = tuple[str, int, str, int, int, int, int, int, int, str, str]
"""The fields of `models.Symbol`, in order; its columns are bytes until `rows` has made them all."""

# Plain integers: a row holds no enum member, and a comparison costs half.
CLASS, STRUCT, INTERFACE, ENUM = (
    int(kind) for kind in (SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM)
)
FUNCTION, METHOD, CONSTRUCTOR, OPERATOR = (
    int(kind) for kind in (SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CONSTRUCTOR, SymbolKind.OPERATOR)
)
VARIABLE, CONSTANT, FIELD, PROPERTY, ENUM_MEMBER = (
    int(kind)
    for kind in (
        SymbolKind.VARIABLE,
        SymbolKind.CONSTANT,
        SymbolKind.FIELD,
        SymbolKind.PROPERTY,
        SymbolKind.ENUM_MEMBER,
    )
)
MODULE, NAMESPACE, PACKAGE, OBJECT = (
    int(kind) for kind in (SymbolKind.MODULE, SymbolKind.NAMESPACE, SymbolKind.PACKAGE, SymbolKind.OBJECT)
)
EXTENSION = 0
"""Nests and names what is inside, without a row."""

KINDS: dict[str, tuple[int, int]] = {
    # `@definition.<this>` -> (kind, how specific it is)
    "variable": (VARIABLE, 0),
    "constant": (CONSTANT, 3),
    "macro": (CONSTANT, 1),
    "property": (PROPERTY, 1),
    "field": (FIELD, 2),
    "enum-member": (ENUM_MEMBER, 3),
    "function": (FUNCTION, 4),
    "macro-function": (FUNCTION, 4),
    "declaration": (FUNCTION, 3),
    "method": (METHOD, 5),
    "constructor": (CONSTRUCTOR, 6),
    "operator": (OPERATOR, 6),
    "type": (CLASS, 3),
    "typedef": (CLASS, 2),
    "class": (CLASS, 5),
    "struct": (STRUCT, 6),
    "interface": (INTERFACE, 6),
    "enum": (ENUM, 7),
    "event": (int(SymbolKind.EVENT), 3),
    "module": (MODULE, 3),
    "namespace": (NAMESPACE, 3),
    "package": (PACKAGE, 3),
    "key": (int(SymbolKind.KEY), 0),
    "object": (OBJECT, 1),
    "heading": (int(SymbolKind.STRING), 0),
    "string": (int(SymbolKind.STRING), 0),
    "extension": (EXTENSION, 9),
    # Set by a method on its own object: it belongs to the class around the method.
    "member": (FIELD, 2),
    # What reads and writes a property: `name` and `name=`.
    "accessor": (PROPERTY, 2),
}
AS_FUNCTION = {"variable": "declaration", "field": "method"}
"""What a declaration in C's manner is when its declarator is a function's."""
LEAVES = frozenset({"typedef", "declaration", "member"})
"""What stands inside these does not belong to them."""
LOCALS = frozenset({VARIABLE, CONSTANT})
"""Inside a function these are no symbols."""

FUNCTIONS = frozenset({FUNCTION, METHOD, CONSTRUCTOR, OPERATOR})
CLASSES = frozenset({CLASS, STRUCT, INTERFACE, ENUM, EXTENSION})
WITH_BODY = FUNCTIONS | CLASSES | {MODULE, NAMESPACE, PACKAGE, OBJECT}
FRAMES = frozenset({MODULE, NAMESPACE, PACKAGE})
FIELDS = frozenset({FIELD, PROPERTY})
VALUES = LOCALS | FIELDS
MEMBERS = frozenset({FIELD, PROPERTY, ENUM_MEMBER, CONSTRUCTOR, VARIABLE, CONSTANT})


class Pattern(msgspec.Struct, frozen=True):
    """What a pattern of a query finds."""

    capture: str
    """The capture of the definition; empty for a pattern that only finds scopes."""
    kind: int
    rank: int
    is_leaf: bool
    is_declaration: bool
    """A definition of the same name in the same file replaces it."""
    scope: str
    """The capture of the scope; empty when there is none."""
    captures: int
    """How many captures a plain match has."""
    as_function: Pattern | None = None
    """What it is when its declarator is a function's."""
    is_member: bool = False
    is_accessor: bool = False


def pattern_of(label: str, scope: str = "") -> Pattern:
    """What the capture `@definition.<label>` finds; `scope`: the capture of the scope beside it."""
    capture, captures = f"definition.{label}", 3 if scope else 2
    as_function = None
    if label in AS_FUNCTION:
        other = AS_FUNCTION[label]
        as_function = Pattern(capture, *KINDS[other], True, other == "declaration", scope, captures)
    return Pattern(
        capture,
        *KINDS[label],
        label in LEAVES,
        label == "declaration",
        scope,
        captures,
        as_function,
        label == "member",
        label == "accessor",
    )


Found = tuple[int, int, int, Pattern, Node, Node, Node, Captures | None]
"""Start, -end, start of the name, pattern, whole node, node without decorators, name node, captures when there are
more.
"""
