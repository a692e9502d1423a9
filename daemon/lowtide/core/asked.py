"""What was asked: a name, a sentence of somebody's, or something that was pasted as it stood.

A pasted message is compared by the words that its code prints, and not by the numbers, paths and values of one run; a
stack trace leads to its frames; the subject of a commit loses its prefix and its number. Names are what is looked up
by name: the whole query when it is one, the identifiers in a sentence, the functions of frames.

Invariant: pure; every list is bounded, whatever was pasted; each pattern takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from lowtide.core.symbol_rank import split_query

MOST_NAMES = 8
"""Names of one question that are looked up."""
MOST_GUESSED = 16
"""Of those that were given beside it."""
MOST_FRAMES = 8
LOOKED_AT = 16 << 10
"""Characters of a question that are read for names and frames."""
FEW_WORDS = 7
"""A sentence of no more is likely a topic: `cookie jar`, `how blueprints are registered`."""
_MOST_NAME_CHARACTERS = 120
_FEWEST_MESSAGE_WORDS = 3


class Kind(StrEnum):
    """What a question is."""

    NAME = "name"
    """One identifier, perhaps with what it stands in: `Parser.parse`, `net::Socket`, `tests/test_a.py::test_b`."""
    MESSAGE = "message"
    """An error message or a log line."""
    TRACE = "trace"
    """A stack trace."""
    ACTION = "action"
    """What one thing does, said as its documentation would: a verb, and what it is done to."""
    SENTENCE = "sentence"
    """Any other words of somebody's own: a question, a topic."""


class Name(msgspec.Struct, frozen=True):
    """A name that is looked up: the last of its parts, and those before it, outermost first."""

    own: str
    outer: tuple[str, ...] = ()


class Frame(msgspec.Struct, frozen=True):
    """A line of a file, from 1, that a stack trace or a compiler names; the path as it was pasted."""

    path: str
    line: int
    function: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A question as it is understood."""

    kind: Kind
    text: str
    """What is looked for by words and by meaning."""
    names: tuple[Name, ...] = ()
    frames: tuple[Frame, ...] = ()
    """The innermost first."""
    constant: str = ""
    """Of a message its text without numbers, paths and times: a mark (`\\0`) in the place of each."""
    help: str = ""
    """Other phrasings, and terms that were guessed."""
    guessed: tuple[Name, ...] = ()
    """The terms as names."""
    asks_for_tests: bool = False
    concepts: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Terms of art for what is said in plain words, and how much each counts (`core/concepts.py`)."""

    @property
    def is_of_one_thing(self) -> bool:
        """Whether it asks of something that has a name in the code, likely that of a file, and not in plain words."""
        is_topic = bool(self.names) or len(self.text.split()) <= FEW_WORDS
        return self.kind is Kind.SENTENCE and not self.concepts and is_topic

    @property
    def gist(self) -> str:
        """What is looked for by words and by meaning: the text, or what of it is no matter of one run, and all that
        helps."""
        frames = self.frames if self.kind is Kind.TRACE else ()
        named = (f"{frame.path.rpartition('/')[2].partition('.')[0]} {frame.function}" for frame in frames)
        return "\n".join(filter(None, (" ".join(self.runs), *named, self.help)))

    @property
    def runs(self) -> list[str]:
        """What is looked for as it stands: the text, in pieces where something of one run alone was left out."""
        pieces = [piece for piece in self.constant.split("\0") if piece.strip()]
        is_enough = self.kind is Kind.TRACE or sum(len(piece.split()) for piece in pieces) >= _FEWEST_MESSAGE_WORDS
        return pieces if is_enough else [self.text]


_IDENTIFIER = r"[^\W\d][\w$]*[!?]?"
_QUALIFIED = re.compile(rf"[~@$]?{_IDENTIFIER}(?:(?:::|->|[./#\\:]){{1}}[~@$]?{_IDENTIFIER})*")
_TEST_ID = re.compile(r"(?P<path>[\w./-]{1,200}\.\w{1,8})::(?P<names>[\w:$]{1,200})(?:\[.{0,200}\])?\Z")
_SUBTEST = re.compile(r"(?P<name>(?:Test|Benchmark|Fuzz|Example)\w{1,100})/[\w/#=.,-]{1,200}\Z")
_JUNIT = re.compile(rf"(?P<name>{_IDENTIFIER})\((?P<outer>{_IDENTIFIER}(?:\.{_IDENTIFIER})+)\)\Z")
_GRADLE = re.compile(rf"(?P<outer>{_IDENTIFIER}) > (?P<name>{_IDENTIFIER})(?:\(\))?(?: (?:FAILED|PASSED))?\Z")
_RECEIVER = re.compile(rf"\(\*?(?P<outer>{_IDENTIFIER})\)\.(?P<name>{_IDENTIFIER})\Z")
_TEST_NAME = re.compile(r"(?:^|[/:.#])(?:test|Test|Benchmark|spec_)[_A-Z]|(?:Test|Tests|TestCase|Spec)(?:$|[.:#(])|::")
_CALL = re.compile(r"(?:\(\)?|\(\s*\.\.\.\s*\)|;)\Z")
_KEYWORD = re.compile(
    r"\A(?:(?:public|private|static|async|export|const|pub|def|func|fn|fun|function|class|struct|enum|interface"
    r"|trait|type|module)\s+)+"
    rf"(?={_IDENTIFIER}\s*\(?\)?\Z)"
)

_PLACE = re.compile(r"(?:\./|/)?(?P<path>[\w.@+-]+(?:/[\w.@+-]+)*\.[A-Za-z]\w{0,7})(?::(?P<line>\d{1,7}))?(?::\d+)?:?")
_SUBJECT = re.compile(
    r"\A(?:(?:feat|fix|chore|docs|refactor|perf|test|tests|build|ci|style|revert|bugfix|hotfix)"
    r"(?:\([^()\n]{1,60}\))?!?:\s+"
    r"|(?:Fixed|Fixes|Refs|Closes|Closed|Thanks?)\s+#\d+(?:,\s*#\d+)*\s*(?:--|-|:)\s*"
    r"|\[[\w.,/ -]{1,40}\]\s*(?:--|-|:)?\s*"
    r"|[A-Z]{2,10}-\d+:?\s+"
    r"|(?:gh|bpo)-\d+:\s+)+"
)
_SUBJECT_END = re.compile(r"\s*(?:\((?:#|GH-|gh-)\d+\)|\[#\d+\])\s*\Z")

_FRAMES = (
    re.compile(r'File "(?P<path>[^"\n]{1,400})", line (?P<line>\d{1,7})(?:, in (?P<function>[^\s(]{1,200}))?'),
    re.compile(
        r"\bat (?P<function>[\w$.<>\[\]/ ]{1,200}?)(?:\([^()\n]{0,200}\))? in (?P<path>[^\n:]{1,400}):line "
        r"(?P<line>\d{1,7})"
    ),
    re.compile(
        r"\bat (?:async |new )?(?P<function>[\w$.<>/@]{1,300})\((?:[\w.]{1,80}/)?"
        r"(?P<path>[\w./\\:@-]{1,400}?\.\w{1,8}):(?P<line>\d{1,7})(?::\d+)?\)"
    ),
    re.compile(
        r"\bat (?:async |new )?(?P<function>[\w$.<>\[\] ]{1,200}?) \((?:file://)?(?P<path>[^()\n]{1,400}?):"
        r"(?P<line>\d{1,7}):\d+\)"
    ),
    re.compile(r"\bat (?P<function>)(?:file://)?(?P<path>[\w./\\@-]{1,400}\.\w{1,8}):(?P<line>\d{1,7})(?::\d+)?"),
    re.compile(
        r"#\d+\s+(?:0x[0-9a-f]+ in )?(?P<function>[\w:~<>$]{1,200}) ?\([^\n]{0,400}\) at (?P<path>[^\s:]{1,400}):"
        r"(?P<line>\d{1,7})"
    ),
    re.compile(
        r"#\d+ (?P<path>/[^\n(]{1,400})\((?P<line>\d{1,7})\): (?:[\w\\]{1,200}(?:->|::))?(?P<function>\w{1,100})\("
    ),
    re.compile(
        r"(?P<path>[\w./@-]{1,400}\.\w{1,8}):(?P<line>\d{1,7}):in [`'](?:[\w:#. ]{0,200}?[#. ])?"
        r"(?P<function>[\w?!=]{1,100})'"
    ),
    re.compile(
        r"(?:^|\n)[ \t]*(?P<path>/[\w./@+-]{1,400}\.\w{1,8}):(?P<line>\d{1,7})(?: \+0x[0-9a-f]+)?"
        r"(?P<function>)[ \t]*(?=\n|$)"
    ),
    re.compile(
        r"(?:^|\n)[ \t]*(?:-->\s*)?(?P<path>[\w./@+-]{1,400}\.[a-zA-Z]\w{0,7}):(?P<line>\d{1,7}):(?:\d{1,5}:?)?"
        r"(?P<function>)"
    ),
    re.compile(r"\bpanicked at (?:'[^'\n]{0,400}', )?(?P<function>)(?P<path>[\w./-]{1,400}\.rs):(?P<line>\d{1,7})"),
)
_INNERMOST_LAST = re.compile(r"most recent call last|Traceback \(")
_BARE_FRAME = re.compile(r"(?:^|\n)[ \t]*(?:\[[\d. ]+\]\s*)?(?P<function>[\w.]{2,120})\+0x[0-9a-f]+/0x[0-9a-f]+")
_TRACE = re.compile(
    r"Traceback \(most recent call last\)|(?:^|\n)[ \t]+at \S|(?:^|\n)[ \t]*#\d+\s|\ngoroutine \d+ \["
    r"|stack backtrace:|Call Trace:"
    r'|(?:^|\n)[ \t]*File "[^"\n]+", line \d+|(?:^|\n)[^\n:]+:\d+:in [`\']'
)

_OF_TRACE = re.compile(
    r"\s*(?:Traceback \(|Stack trace:|#\d+\s|goroutine \d+ \[|stack backtrace:|Call Trace:|Caused by:\s*\Z"
    r"|During handling of|at \S"
    r"|The above exception)|[\w.*/()]{1,200}\([^()]{0,200}\)\Z"
)

_VARIABLE = re.compile(
    r"""
      \d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?
    | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b
    | \b(?:https?|ftp|file|s3|wss?)://[^\s"'<>)\]]+
    | \b0x[0-9a-fA-F]+\b
    | (?<![\w.])[\w.+-]+@[\w-]+\.[\w.]+
    | (?<![\w/.])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}/?
    | (?<![\w/.])/[\w.@+~-]+(?![\w/])
    | \b\d+(?:[.:,]\d+)*(?:\s?(?:ms|us|ns|s|m|h|[KMGT]i?B|B|%))?\b
    """,
    re.VERBOSE,
)
_LOG_LEVEL = re.compile(
    r"(?:^|[\s\[|<(])(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|PANIC)(?:[\s\]|>):]|$)|\blevel=\w+"
)
_LOG_TIME = re.compile(r"\d\d:\d\d:\d\d|^\w{3} [ \d]\d \d\d:\d\d")
_EXCEPTION = re.compile(
    r"\A(?:[\w.$]{0,200}\.)?(?:[A-Z]\w*(?:Error|Exception|Warning|Failure|Fault)|[Ee]rror(?:\[\w+\])?|[Ff]atal"
    r"(?: error)?|[Ww]arning|panic|PANIC|Uncaught \w+): \S"
)
_MESSAGE_WORDS = re.compile(
    r"\b(?:cannot|can't|couldn't|could not|can not|unable to|failed|failure|invalid|unexpected|must be|must not"
    r"|not found|no such|is not|are not"
    r"|expected|missing|unknown|denied|refused|timed out|already|does not|doesn't|too (?:many|long|large|short"
    r"|few)|unsupported|not allowed"
    r"|not supported|error|out of|mismatch|illegal|undefined|duplicate)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"\A(?:how|where|what|why|when|which|who|is there|find|show|list|does|do|can|should|explain|the code)\b|\?\s*\Z",
    re.IGNORECASE,
)

_VERBS = (
    "accept|acquire|add|adjust|allocate|append|apply|assert|assign|attach|authenticate|avoid|calculate|cancel|check|choose"
    "|clean|clear|close|collect|combine|compare|compress|compute|concatenate|configure|construct|convert|create|decode"
    "|define|delete|deserialize|detach|detect|determine|disable|emit|enable|encode|ensure|escape|estimate|evaluate|execute"
    "|expand|extract|fetch|fill|find|fit|flatten|flush|generate|get|give|handle|increase|increment|indicate|initiali[sz]e"
    "|insert|install|invoke|iterate|keep|launch|locate|look|make|modify|normalize|notify|obtain|open|parse|perform|predict"
    "|prepare|prevent|produce|provide|push|put|raise|receive|redirect|reduce|remove|replace|represent|reset|resize|resolve"
    "|restart|restore|retrieve|return|rewrite|rotate|run|save|select|send|serialize|shut|skip|strip|swap|take|throw"
    "|tokenize|transform|translate|truncate|unlock|validate|verify|wrap"
)
"""Those that are seldom nouns."""
_ACTION = re.compile(
    rf"\W{{0,8}}(?:(?:{_VERBS})(?:e?s)?\b|(?!(?:how|where|what|which|why|when|who|is|are|does|do|can|for|with|and|or|in|on)\b)"
    r"[A-Za-z]{2,20} (?:a|an|the|this|all|any|if|whether|each|every|given|its|one|some|that)\b)",
    re.IGNORECASE,
)
_SHAPED = re.compile(
    rf"`(?P<ticked>[^`\n]{{1,120}})`|(?P<word>[~@$]?{_IDENTIFIER}(?:(?:::|->|\.|#){_IDENTIFIER})*)(?P<call>\()?"
)
_HUMP = re.compile(r"[a-z\d][A-Z]|[A-Z]{2}[a-z]|[^\W_]_[^\W_]|^_+[^\W_]|\$")
_FILE = re.compile(
    r"\A[\w.-]+\.(?:py|js|ts|jsx|tsx|go|rs|rb|php|java|kt|c|h|cc|cpp|hpp|cs|swift|scala|sh|lua|ex|exs|md|txt"
    r"|json|toml|yml|yaml)\Z"
)


def understand(text: str, terms: Sequence[str] = (), phrasings: Sequence[str] = ()) -> Asked:
    """What a question is, and what is looked up for it. `text`: as it was typed or pasted; `terms`, `phrasings`:
    beside it."""
    asked = _understand(text)
    guessed = tuple(dict.fromkeys(name for term in terms if (name := _whole_name(term.strip())) is not None))
    return replace(asked, help="\n".join((*phrasings, *terms)), guessed=guessed[:MOST_GUESSED])


def _understand(text: str) -> Asked:
    stripped = text[:LOOKED_AT].strip()
    if (name := _whole_name(stripped)) is not None:
        return Asked(Kind.NAME, text, (name,), asks_for_tests=_TEST_NAME.search(stripped) is not None)
    if _TRACE.search(stripped) and (frames := _frames(stripped)):
        names = [Name(parts[-1], tuple(parts[:-1])) for frame in frames if (parts := split_query(frame.function))]
        return Asked(Kind.TRACE, text, tuple(dict.fromkeys(names))[:MOST_NAMES], frames, _constant(_told(stripped)))
    if (place := _PLACE.fullmatch(stripped)) is not None:
        return Asked(Kind.SENTENCE, text, frames=(Frame(place["path"], int(place["line"] or 1)),))
    subject = _SUBJECT_END.sub("", _SUBJECT.sub("", stripped)) if "\n" not in stripped else ""
    if subject and subject != stripped:
        return _in_words(subject, subject)
    if _is_message(stripped) and not _is_action(stripped):
        return Asked(Kind.MESSAGE, text, (), _frames(stripped), _constant(stripped))
    return _in_words(text, stripped)


def _whole_name(text: str) -> Name | None:
    if not text or len(text) > 2 * _MOST_NAME_CHARACTERS or "\n" in text:
        return None
    if (test := _TEST_ID.match(text)) is not None:
        parts = split_query(test["names"])
        return Name(parts[-1], tuple(parts[:-1])) if parts else None
    for pattern in (_SUBTEST, _JUNIT, _GRADLE, _RECEIVER):
        if (found := pattern.match(text)) is not None:
            outer = split_query(found["outer"]) if "outer" in found.re.groupindex else []
            return Name(found["name"], tuple(outer[-1:]))
    bare = _CALL.sub("", _KEYWORD.sub("", text)).strip()
    if not bare or " " in bare or not _QUALIFIED.fullmatch(bare) or _FILE.match(bare.rpartition("/")[2]):
        return None
    parts = split_query(bare)
    return (
        Name(parts[-1].lstrip("~@$:"), tuple(parts[:-1])) if parts and len(parts[-1]) <= _MOST_NAME_CHARACTERS else None
    )


def _names_in(text: str) -> tuple[Name, ...]:
    """The words of a sentence that are shaped as identifiers are and words are not."""
    found: dict[Name, None] = {}
    for match in _SHAPED.finditer(text):
        word = match["ticked"] or match["word"]
        if len(word) > _MOST_NAME_CHARACTERS or _FILE.match(word):
            continue
        if match["ticked"] and (name := _whole_name(word)) is not None:
            found[name] = None
            continue
        if match["ticked"]:
            continue
        parts = [part for part in split_query(word) if part]
        if not parts or len(parts[-1]) < 2:
            continue
        own = parts[-1].lstrip("~@$")
        is_shaped = (
            _HUMP.search(own) or match["call"] or "::" in word or "->" in word or (len(parts) > 1 and own[:1].isupper())
        )
        is_proper = (
            own[:1].isupper() and match.start() > 0 and text[match.start() - 2 : match.start() - 1] not in ".:!?"
        )
        if is_shaped or is_proper:
            found[Name(own, tuple(part.lstrip("~@$") for part in parts[:-1]))] = None
        if len(found) == MOST_NAMES:
            break
    return tuple(found)


def _frames(text: str) -> tuple[Frame, ...]:
    """The places that a text names, the innermost first."""
    found: dict[tuple[str, int], tuple[int, Frame]] = {}
    for pattern in _FRAMES:
        for match in pattern.finditer(text):
            path = match["path"].strip().replace("\\", "/")
            key = (path, int(match["line"]))
            if key not in found or (match["function"] and not found[key][1].function):
                found[key] = (match.start("path"), Frame(path, int(match["line"]), _function(match["function"] or "")))
    ordered = [frame for _, frame in sorted(found.values(), key=lambda item: item[0])]
    ordered += [Frame("", 0, match["function"]) for match in _BARE_FRAME.finditer(text)]
    if _INNERMOST_LAST.search(text):
        ordered.reverse()
    return tuple(ordered[:MOST_FRAMES])


def _function(said: str) -> str:
    """A frame's function as it is defined: without what a compiler adds."""
    plain = re.sub(r"<[^<>]*>|\$\d+|\.{3}", "", said).strip(". ")
    return plain.rsplit("/", 1)[-1].rsplit(" ", 1)[-1]


def _told(text: str) -> str:
    """What a stack trace says beside its frames: the error, and the code that it shows. Each line by itself."""
    lines = [line for line in text.splitlines() if not _OF_TRACE.match(line)]
    told = [line for line in lines if line.strip() and not any(frame.search(line) for frame in _FRAMES)]
    return "\0".join(told) or text


def _is_message(text: str) -> bool:
    """Whether a text was written by a program: by its time, its level, its exception, or by what messages say."""
    if _ASKING.search(text) and not _EXCEPTION.match(text):
        return False
    if (
        _EXCEPTION.match(text)
        or (_LOG_TIME.search(text[:80]) and len(text.split()) > 2)
        or _LOG_LEVEL.search(text[:120])
    ):
        return True
    return _MESSAGE_WORDS.search(text) is not None and len(text.split()) >= _FEWEST_MESSAGE_WORDS


def _in_words(text: str, stripped: str) -> Asked:
    """What somebody says. What one thing does names others that it has to do with, and not itself."""
    if _is_action(stripped):
        return Asked(Kind.ACTION, text)
    return Asked(Kind.SENTENCE, text, _names_in(stripped))


def _is_action(text: str) -> bool:
    return _ACTION.match(text) is not None and not _EXCEPTION.match(text) and not _LOG_TIME.search(text[:80])


def _constant(text: str) -> str:
    """The text with a mark where a number, a path or a time of one run stands."""
    return _VARIABLE.sub("\0", text)
