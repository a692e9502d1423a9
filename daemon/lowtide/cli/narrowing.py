"""What a question is narrowed to, as options: `-t` language, `-g` glob, `-k` kind, `-m` limit, as in ripgrep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
import msgspec

from lowtide.cli.together import refuse_empty
from lowtide.errors import UsageError
from lowtide.languages import LANGUAGES, names_meant
from lowtide.models import KINDS, SymbolKind

F = TypeVar("F", bound=Callable[..., Any])


class Narrowing(msgspec.Struct, frozen=True):
    """Languages as the index names them, globs, kinds; empty means everything."""

    languages: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    kinds: tuple[SymbolKind, ...] = ()

    def as_params(self) -> dict[str, list[str]]:
        """The same as parameters of a request."""
        return {
            "languages": list(self.languages),
            "globs": list(self.globs),
            "kinds": [kind.label for kind in self.kinds],
        }


def _complete(names: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Offers a shell those names that begin as what was typed does."""
    known = sorted(names)
    return lambda context, parameter, begun: [name for name in known if name.startswith(begun.lower())]


def limit_option(default: int | None, most: int, told: str = "How many answers at most.") -> Callable[[F], F]:
    """`-m`, from 1 to `most`; the command says what it is without when `default` is None."""
    return click.option(
        "-m",
        "--limit",
        type=click.IntRange(1, most),
        default=default,
        show_default=default is not None,
        metavar="COUNT",
        help=told,
    )


def kind_option(function: F) -> F:
    """`-k`: the command gets `kinds`, as they were given."""
    return click.option(
        "-k",
        "--kind",
        "kinds",
        multiple=True,
        callback=refuse_empty,
        metavar="KIND",
        help="Only this kind: function, class, method (may be repeated).",
        shell_complete=_complete(KINDS),
    )(function)


def narrowing_options(function: F) -> F:
    """`-t`, `-g`, `-k`: the command gets `languages`, `globs` and `kinds`, as they were given."""
    function = kind_option(function)
    function = click.option(
        "-g",
        "--glob",
        "globs",
        multiple=True,
        callback=refuse_empty,
        metavar="GLOB",
        help="Only paths that match, as `src/**` or `*.py`; `!` leaves out (may be repeated).",
    )(function)
    return click.option(
        "-t",
        "--lang",
        "languages",
        multiple=True,
        callback=refuse_empty,
        metavar="NAME",
        help="Only this language (may be repeated).",
        shell_complete=_complete([*(language.name for language in LANGUAGES), "text"]),
    )(function)


def narrowing(languages: tuple[str, ...], globs: tuple[str, ...], kinds: tuple[str, ...]) -> Narrowing:
    """What was given, as it is looked for. UsageError."""
    return Narrowing(names_meant(languages), globs, parse_kinds(kinds))


def parse_kinds(names: tuple[str, ...]) -> tuple[SymbolKind, ...]:
    """The kinds that users name; UsageError for one that there is not."""
    found = []
    for name in names:
        kind = KINDS.get(name.lower().replace("_", "-").replace(" ", "-"))
        if kind is None:
            raise UsageError(f"no kind {name!r}", "", f"one of: {', '.join(KINDS)}")
        found.append(kind)
    return tuple(found)
