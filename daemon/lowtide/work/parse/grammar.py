"""Grammars and the queries of their languages, loaded when they are first asked for: the only module that imports
tree_sitter.

Invariant: a language is loaded once a process, and either whole or not at all.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec
import tree_sitter

from lowtide.languages.language import Language
from lowtide.languages.queries import query_of
from lowtide.work.parse.kinds import LOCALS, Pattern, pattern_of

Tree: TypeAlias = tree_sitter.Tree
SyntaxNode: TypeAlias = tree_sitter.Node
Cursor: TypeAlias = tree_sitter.QueryCursor

_MATCH_LIMIT = 4096


class Grammar(msgspec.Struct, frozen=True):
    parser: tree_sitter.Parser
    query: tree_sitter.Query
    patterns: tuple[Pattern, ...]
    function_query: tree_sitter.Query
    """The query without the patterns of locals and of mere scopes, for a search of a function to its full depth."""
    nested: tuple[Callable[[bytes, int, int], re.Match[bytes] | None], ...]
    body_field: int
    declarator_field: int
    declarators: frozenset[int]
    """Node kinds that a declarator may be or hold."""
    wrappers: frozenset[int]
    """Those of them whose inner declarator is a plain child."""
    function_declarator: int
    parenthesized_declarator: int
    operator_cast: int
    structured_binding: int
    comments: frozenset[int]
    is_local: bool
    """Whether a definition is told by what it is made of and what stands above it, wherever the text has others."""
    holders: frozenset[int]
    """Node kinds of the C family that hold declarations, or the heads of such."""
    functions: frozenset[int]
    """Those of them that end in a body."""
    function_declarators: frozenset[int]
    texts: frozenset[int]
    """Node kinds whose text is no code: comments, strings and what they are made of."""
    inside_parser: tree_sitter.Parser
    """Reads what stands inside a node as a text of its own."""

    def cursor(self, depth: int) -> Cursor:
        """Searches nodes with the query, `depth` levels down."""
        return _cursor(self.query, depth)

    def function_cursor(self, depth: int) -> Cursor:
        """Searches functions with the query for them, `depth` levels down."""
        return _cursor(self.function_query, depth)

    def parse_between(self, text: bytes, first: SyntaxNode, last: SyntaxNode) -> SyntaxNode:
        """The root of what stands between two nodes, read as a text of its own at its place."""
        place = tree_sitter.Range(first.end_point, last.start_point, first.end_byte, last.start_byte)
        self.inside_parser.included_ranges = [place]
        return self.inside_parser.parse(text).root_node


def _cursor(query: tree_sitter.Query, depth: int) -> Cursor:
    cursor = tree_sitter.QueryCursor(query, match_limit=_MATCH_LIMIT)
    cursor.set_max_start_depth(depth)
    return cursor


_grammars: dict[str, Grammar] = {}


def grammar_of(language: Language) -> Grammar:
    known = _grammars.get(language.name)
    if known is None:
        try:
            known = _grammars[language.name] = _load(language)
        except (OSError, AttributeError, ValueError) as error:
            # Half of an upgrade, or a grammar that its queries do not fit.
            raise ImportError(f"the grammar of {language.name} cannot be used: {error}") from error
    return known


def load(language: Language) -> bool:
    """Load the grammar of `language` and its queries; False when it was loaded already. ImportError when it cannot
    be."""
    if language.name in _grammars or not language.module:
        return False
    grammar_of(language)
    return True


def _load(language: Language) -> Grammar:
    module = importlib.import_module(language.module)
    with warnings.catch_warnings():
        # The wheels of two grammars still pass their pointer as a number.
        warnings.simplefilter("ignore", DeprecationWarning)
        grammar = tree_sitter.Language(getattr(module, language.function)())
    source = query_of(language)
    query = tree_sitter.Query(grammar, source)
    data = source.encode()
    patterns = tuple(
        _pattern(data[query.start_byte_for_pattern(index) : query.end_byte_for_pattern(index)].decode())
        for index in range(query.pattern_count)
    )
    prefixes = {*language.comment_types, *language.prefix_types}
    return Grammar(
        tree_sitter.Parser(grammar),
        query,
        patterns,
        _function_query(grammar, source, patterns) if language.searches_functions else query,
        tuple(
            re.compile(source.encode(), re.MULTILINE).search
            for source in (language.nested, *language.nested_any)
            if source
        ),
        grammar.field_id_for_name(language.body_field) or 0,
        grammar.field_id_for_name("declarator") or 0,
        _kinds_like(grammar, r"(?<!abstract)_declarator$|identifier$|_name$|^operator_cast$"),
        _kinds_like(grammar, r"^(?:parenthesized|reference|attributed)_declarator$"),
        grammar.id_for_node_kind("function_declarator", True) or 0,
        grammar.id_for_node_kind("parenthesized_declarator", True) or 0,
        grammar.id_for_node_kind("operator_cast", True) or 0,
        grammar.id_for_node_kind("structured_binding_declarator", True) or -1,
        frozenset(kind for name in prefixes for kind in _kind_ids(grammar, name)),
        not re.search(r"@(?:rest|declarator)\b", source) and not any(pattern.is_declaration for pattern in patterns),
        _kinds_like(
            grammar,
            r"^(?:namespace_definition|linkage_specification|preproc_(?:if|ifdef|else|elif|elifdef)|instance_variables?"
            r"|.*_specifier|(?:(?:field|method|property|template|alias|friend|struct|protocol)_)?declaration(?:_list)?|enumerator(?:_list)?|type_definition|(?:function|method)_definition"
            r"|(?:class|protocol)_(?:interface|implementation)|implementation_definition"
            r"|.*_declarator|qualified_identifier)$",
        ),
        _kinds_like(grammar, r"^(?:function|method)_definition$"),
        _kinds_like(grammar, r"_declarator$|^operator_cast$|^method_(?:type|parameter)$"),
        _kinds_like(grammar, r"comment|string|heredoc|^preproc_arg$|^text$|^pod$"),
        tree_sitter.Parser(grammar),
    )


def _function_query(grammar: tree_sitter.Language, source: str, patterns: tuple[Pattern, ...]) -> tree_sitter.Query:
    query = tree_sitter.Query(grammar, source)
    for index, pattern in enumerate(patterns):
        if not pattern.capture or pattern.kind in LOCALS:
            query.disable_pattern(index)
    return query


def _kind_ids(grammar: tree_sitter.Language, name: str) -> Iterator[int]:
    kind = grammar.id_for_node_kind(name, True)
    if kind is not None:
        yield kind


def _kinds_like(grammar: tree_sitter.Language, pattern: str) -> frozenset[int]:
    search = re.compile(pattern).search
    return frozenset(kind for kind in range(grammar.node_kind_count) if search(grammar.node_kind_for_id(kind) or ""))


def _pattern(source: str) -> Pattern:
    """What a pattern of a query captures, from its source."""
    captures = re.findall(
        r"@(definition\.[\w-]+|scope(?:\.nested|\.inside)?)(?![\w.-])", re.sub(r"(?m)^\s*;.*$", "", source)
    )
    definitions = {capture for capture in captures if capture.startswith("definition.")}
    scopes = {capture for capture in captures if capture.startswith("scope")}
    if len(definitions) > 1 or len(scopes) > 1 or not captures:
        raise ValueError(f"a pattern needs one definition or one scope: {source.strip()}")
    capture, scope = next(iter(definitions), ""), next(iter(scopes), "")
    if not capture:
        return Pattern("", 0, 0, False, False, scope, 1)
    return pattern_of(capture.removeprefix("definition."), scope)
