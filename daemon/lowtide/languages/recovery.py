"""How a definition begins, by its text alone: for files whose syntax tree is broken.

Invariant: data only. Every pattern matches from the start of a line, in time linear in what it reads: its parts cannot
match the same text in two ways, and repeats give nothing back (`*+` of a single character, else `_repeated`). The group
`name` is the definition's name, `container` (optional) what it belongs to.
Invariant: no group is repeated with `*+` or `++`: Python before 3.11.5 then matches wrongly (a test looks for it).
"""

from __future__ import annotations


def _repeated(item: str) -> str:
    """Any number of `item`, as many as there are, and none of them given back."""
    return rf"(?>(?:{item})*)"


_INNER = _repeated(r"[^()\n]++|\([^()\n]*\)")
_ARGUMENTS = r"\(" + _repeated(r"[^(){};]++|\{[^{}\n]*\}|\(" + _INNER + r"\)") + r"\)"
"""A parameter list with defaults and function types; a `;` ends it, so no statement is one."""
_NOT_A_NAME = (
    r"(?!(?:if|for|while|switch|catch|with|return|else|do|function|sizeof|foreach|elseif|until|unless|synchronized"
    r"|using"
    r"|lock|fixed|await|yield|new|throw|typeof|when|match|assert|defined|super|constructor_)\b)"
)
_C_TYPE = (
    r"(?!(?:return|else|case|goto|typedef|new|delete|throw|using|namespace)\b)[A-Za-z_][\w \t*&<>,:]*(?:[ \t*&]"
    r"|\n[ \t]*+)"
)
_ACCESS = _repeated(
    r"(?:public|private|protected|internal|static|final|abstract|async|override|virtual|sealed|partial|default|native"
    r"|synchronized|strictfp|export|declare|readonly|open|data|inline|suspend|case|implicit|lazy|fileprivate|mutating"
    r"|unsafe|extern|const|get|set|new|external|factory)[ \t]++"
)
_TYPED_METHOD = (
    rf"^[ \t]*+{_ACCESS}(?!(?:return|else|new|throw|case"
    rf"|await)\b)(?:<[^<>\n]*>\s*)?[A-Za-z_][\w.]*+(?:<[^;(){{}}\n]*>)?"
    rf"(?:\[\])*\??[ \t]+{_NOT_A_NAME}(?P<name>[A-Za-z_]\w*+)\s*{_ARGUMENTS}\s*(?:throws\s[\w., \t]+|async\s*)?\{{"
)

_JAVASCRIPT = (
    ("class", rf"^[ \t]*+{_ACCESS}class[ \t]+(?P<name>[\w$]++)"),
    ("function", rf"^[ \t]*+{_ACCESS}function[ \t]*\*?[ \t]*(?P<name>[\w$]++)[ \t]*[(<]"),
    (
        "method",
        rf"^[ \t]*+{_ACCESS}\*?[ \t]*{_NOT_A_NAME}(?P<name>#?[A-Za-z_$][\w$]*+)(?:<[^<>()\n]*>)?[ \t]*{_ARGUMENTS}"
        r"(?:[ \t]*:[^={};\n]+)?\s*\{[ \t]*$",
    ),
    (
        "function",
        rf"^(?:export[ \t]+)?(?:const|let|var)[ \t]+(?P<name>[\w$]++)[ \t]*=[ \t]*(?:async[ \t]+)?"
        rf"(?:function\b|(?:{_ARGUMENTS}|[\w$]++)[ \t]*=>)",
    ),
    ("constant", r"^(?:export[ \t]+)?const[ \t]+(?P<name>[\w$]++)[ \t]*(?::[^=\n]+)?="),
    ("variable", r"^(?:export[ \t]+)?(?:let|var)[ \t]+(?P<name>[\w$]++)[ \t]*(?::[^=\n]+)?[=;]"),
)
_TYPESCRIPT = (
    ("interface", rf"^[ \t]*+{_ACCESS}interface[ \t]+(?P<name>[\w$]++)"),
    ("enum", rf"^[ \t]*+{_ACCESS}enum[ \t]+(?P<name>[\w$]++)[ \t]*\{{"),
    ("type", rf"^[ \t]*+{_ACCESS}type[ \t]+(?P<name>[\w$]++)[^=\n]*="),
    ("namespace", rf"^[ \t]*+{_ACCESS}(?:namespace|module)[ \t]+(?P<name>[\w$]++)[ \t]*\{{"),
    *_JAVASCRIPT,
)
_PREPROCESSOR = (
    ("macro-function", r"^[ \t]*+#[ \t]*+define[ \t]++(?P<name>\w++)\("),
    ("macro", r"^[ \t]*+#[ \t]*+define[ \t]++(?P<name>\w++)(?!\()"),
)
_C = (
    *_PREPROCESSOR,
    # `SYSCALL_DEFINE3(read, …) {` and `TEST(Suite, Name) {`: what they define is found in their arguments later.
    (
        "function",
        rf"^(?:static[ \t]++)?(?P<name>[A-Z][A-Z\d_]++)[ \t]*{_ARGUMENTS}\s*\{{",
    ),
    (
        "function",
        rf"^(?:[A-Za-z_][\w \t*]*(?:[ \t*]|\n))?{_NOT_A_NAME}(?P<name>[A-Za-z_]\w*+)[ \t]*{_ARGUMENTS}\s*\{{",
    ),
    ("struct", r"^[ \t]*+(?:typedef[ \t]+)?(?:struct|union)[ \t]+(?P<name>\w++)\s*\{"),
    ("enum", r"^[ \t]*+(?:typedef[ \t]+)?enum[ \t]+(?P<name>\w++)\s*\{"),
)
_SCOPES = _repeated(r"\w++::")
_CPP_TAIL = (
    _repeated(r"\s*+(?:const|noexcept|override|final|volatile|&&?|->[ \t]*+[\w:<>*&, \t]++|[A-Z_]{4,}+)")
    + r"\s*+(?:\{|:(?!:))"
)
_CPP = (
    *_PREPROCESSOR,
    _C[2],
    ("namespace", r"^[ \t]*+(?:inline[ \t]+)?namespace[ \t]+(?P<name>[\w:]++)\s*\{"),
    ("class", r"^[ \t]*+class[ \t]+(?:[A-Z_]{4,}[ \t]+)?(?P<name>\w++)\s*(?:final\s*)?[{:](?!:)"),
    ("struct", r"^[ \t]*+(?:struct|union)[ \t]+(?:[A-Z_]{4,}[ \t]+)?(?P<name>\w++)\s*(?:final\s*)?[{:](?!:)"),
    ("enum", r"^[ \t]*+enum[ \t]+(?:class[ \t]+|struct[ \t]+)?(?P<name>\w++)\s*[{:](?!:)"),
    (
        "function",
        # The look ahead leaves most lines at once.
        rf"^[ \t]*+(?=[A-Za-z_~][\w \t*&<>,:~]*+(?:\n[ \t]*+[\w~][\w "
        rf"\t*&<>,:~]*+)?[^\w\s(;]{{0,3}}\()(?:{_C_TYPE})?{_NOT_A_NAME}"
        rf"(?P<name>{_SCOPES}"
        r"(?:operator[ \t]*(?:\(\)|[^\s\w(;]{1,3})|(?!operator\b|[A-Z][A-Z\d]*_[A-Z\d_]*+\b)~?[A-Za-z_]\w*+))"
        rf"[ \t]*{_ARGUMENTS}{_CPP_TAIL}",
    ),
    (
        "variable",
        r"^[ \t]*+(?!(?:return|using|typedef|case|for|template)\b)(?=[\w \t:<>,&*]*\bconst(?:expr)?\b)[A-Za-z_][\w "
        r"\t:<>,&*]*"
        r"[ \t&*](?P<name>\w++)[ \t]*+=(?!=)",
    ),
)
_JAVA = (
    ("class", rf"^[ \t]*+{_ACCESS}(?:class|record)[ \t]+(?P<name>\w++)"),
    ("interface", rf"^[ \t]*+{_ACCESS}@?interface[ \t]+(?P<name>\w++)"),
    ("enum", rf"^[ \t]*+{_ACCESS}enum[ \t]+(?P<name>\w++)"),
    (
        "constructor",
        rf"^[ \t]*+(?:public|private|protected)[ \t]+(?P<name>[A-Z]\w*+)\s*{_ARGUMENTS}\s*(?:throws\s[\w., \t]+)?\{{",
    ),
    ("method", _TYPED_METHOD),
)
_PYTHON = (
    ("function", r"^[ \t]*+(?:async[ \t]++)?def[ \t]++(?P<name>\w++)[ \t]*+[(\[]"),
    ("class", r"^[ \t]*+class[ \t]++(?P<name>\w++)[ \t]*+[(:\[]"),
)
_GO = (
    (
        "method",
        r"^func[ \t]*\([ \t]*(?:\w++[ \t]+)?\*?(?P<container>\w++)(?:\[[^\]\n]*\])?[ \t]*\)[ \t]*(?P<name>\w++)[ "
        r"\t]*[(\[]",
    ),
    ("function", r"^func[ \t]+(?P<name>\w++)[ \t]*[(\[]"),
    ("struct", r"^type[ \t]+(?P<name>\w++)(?:\[[^\]\n]*\])?[ \t]+struct\b"),
    ("interface", r"^type[ \t]+(?P<name>\w++)(?:\[[^\]\n]*\])?[ \t]+interface\b"),
    ("type", r"^type[ \t]+(?P<name>\w++)[ \t]+(?!struct\b|interface\b)"),
    ("constant", r"^const[ \t]+(?P<name>\w++)"),
    ("variable", r"^var[ \t]+(?P<name>\w++)"),
)
_VISIBLE = r"^[ \t]*+(?:pub(?:\([^)\n]*\))?[ \t]+)?"
_QUALIFIERS = _repeated(r"(?:unsafe|async|const|default|extern(?:[ \t]*\"[^\"\n]*\")?)[ \t]+")
_RUST = (
    (
        "function",
        rf"{_VISIBLE}{_QUALIFIERS}fn[ \t]+(?P<name>\w++)",
    ),
    ("struct", rf"{_VISIBLE}(?:struct|union)[ \t]+(?P<name>\w++)"),
    ("enum", rf"{_VISIBLE}enum[ \t]+(?P<name>\w++)"),
    ("interface", rf"{_VISIBLE}(?:unsafe[ \t]+)?trait[ \t]+(?P<name>\w++)"),
    (
        "extension",
        r"^[ \t]*+(?:unsafe[ \t]+)?impl(?:<[^\n{]{0,200}?>)?[ \t]+(?:[^\n{]{0,200}?[ \t]for[ "
        r"\t]+)?(?P<name>\w++)[^\n;{]*+\{",
    ),
    ("module", rf"{_VISIBLE}mod[ \t]+(?P<name>\w++)\s*\{{"),
    ("macro-function", r"^[ \t]*+macro_rules![ \t]*(?P<name>\w++)"),
    ("constant", r"^(?:pub(?:\([^)\n]*\))?[ \t]+)?(?:const|static)[ \t]+(?:mut[ \t]+)?(?P<name>\w++)[ \t]*:"),
)
_RUBY = (
    ("module", r"^[ \t]*+module[ \t]++(?P<name>[\w:]++)"),
    ("class", r"^[ \t]*+class[ \t]++(?P<name>[A-Z][\w:]*+)"),
    ("method", r"^[ \t]*+(?:private[ \t]++)?def[ \t]++(?:self\.)?(?P<name>\w++[?!=]?)"),
)
_PHP = (
    ("class", rf"^[ \t]*+{_ACCESS}(?:class|trait)[ \t]++(?P<name>\w++)"),
    ("interface", rf"^[ \t]*+{_ACCESS}interface[ \t]++(?P<name>\w++)"),
    ("function", rf"^[ \t]*+{_ACCESS}function[ \t]++&?(?P<name>\w++)[ \t]*\("),
)
_C_SHARP = (
    ("namespace", r"^[ \t]*+namespace[ \t]++(?P<name>[\w.]++)"),
    ("class", rf"^[ \t]*+{_ACCESS}(?:class|record)[ \t]++(?P<name>\w++)"),
    ("struct", rf"^[ \t]*+{_ACCESS}struct[ \t]++(?P<name>\w++)"),
    *_JAVA[1:],
)
_RECEIVERS = _repeated(r"[\w<>?]++\.")
_KOTLIN = (
    ("class", rf"^[ \t]*+{_ACCESS}(?:enum[ \t]+|annotation[ \t]+)?(?:class|object)[ \t]++(?P<name>\w++)"),
    ("interface", rf"^[ \t]*+{_ACCESS}(?:fun[ \t]+)?interface[ \t]++(?P<name>\w++)"),
    ("function", rf"^[ \t]*+{_ACCESS}fun[ \t]++(?:<[^>\n]*>[ \t]*)?{_RECEIVERS}(?P<name>\w++)[ \t]*\("),
)
_SWIFT = (
    ("class", rf"^[ \t]*+{_ACCESS}(?:class|actor)[ \t]++(?!func\b|var\b|let\b)(?P<name>\w++)"),
    ("struct", rf"^[ \t]*+{_ACCESS}struct[ \t]++(?P<name>\w++)"),
    ("enum", rf"^[ \t]*+{_ACCESS}enum[ \t]++(?P<name>\w++)"),
    ("interface", rf"^[ \t]*+{_ACCESS}protocol[ \t]++(?P<name>\w++)"),
    ("extension", rf"^[ \t]*+{_ACCESS}extension[ \t]++(?P<name>\w++)"),
    ("function", rf"^[ \t]*+{_ACCESS}(?:class[ \t]++)?func[ \t]++(?P<name>\w++)[ \t]*[(<]"),
)
_SCALA = (
    ("class", rf"^[ \t]*+{_ACCESS}(?:class|object)[ \t]++(?P<name>\w++)"),
    ("interface", rf"^[ \t]*+{_ACCESS}trait[ \t]++(?P<name>\w++)"),
    ("function", rf"^[ \t]*+{_ACCESS}def[ \t]++(?P<name>\w++)"),
)

RECOVERIES: dict[str, tuple[tuple[str, str], ...]] = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "c": _C,
    "cpp": _CPP,
    "objc": (
        *_C,
        ("class", r"^@(?:interface|implementation)[ \t]+(?P<name>\w++)"),
        ("method", r"^[-+][ \t]*\([^()\n]*\)[ \t]*(?P<name>\w++)"),
    ),
    "java": _JAVA,
    "go": _GO,
    "rust": _RUST,
    "ruby": _RUBY,
    "php": _PHP,
    "c-sharp": _C_SHARP,
    "kotlin": _KOTLIN,
    "swift": _SWIFT,
    "scala": _SCALA,
    "bash": (("function", r"^[ \t]*+(?:function[ \t]++)?(?P<name>[A-Za-z_][\w:.-]*+)[ \t]*\([ \t]*\)"),),
    "lua": (("function", r"^[ \t]*+(?:local[ \t]++)?function[ \t]++(?P<name>[\w.:]++)[ \t]*\("),),
    "dart": (_JAVA[0], ("method", _TYPED_METHOD)),
    "perl": (("package", r"^package[ \t]++(?P<name>[\w:]++)"), ("function", r"^[ \t]*+sub[ \t]++(?P<name>\w++)")),
    "elixir": (
        ("module", r"^[ \t]*+defmodule[ \t]++(?P<name>[\w.]++)"),
        ("function", r"^[ \t]*+def(?:p|macro|macrop)?[ \t]++(?P<name>\w++[?!]?)[ \t]*(?=[(,\n])"),
    ),
    "powershell": (
        ("function", r"^[ \t]*+[Ff]unction[ \t]++(?P<name>[\w-]++)"),
        ("class", r"^[ \t]*+[Cc]lass[ \t]++(?P<name>\w++)"),
    ),
    "julia": (
        ("function", r"^[ \t]*+function[ \t]++(?P<name>\w++!?)[ \t]*[({]"),
        ("struct", r"^[ \t]*+(?:mutable[ \t]++)?struct[ \t]++(?P<name>\w++)"),
    ),
    "zig": (("function", r"^[ \t]*+(?:pub[ \t]++)?(?:inline[ \t]++|export[ \t]++)?fn[ \t]++(?P<name>\w++)[ \t]*\("),),
}
"""By language: kinds as in `kinds.KINDS`, and how one begins. An earlier pattern wins where two match."""

_ITEM = r"(?:^|(?<=[;{}\](]))\s*+(?:pub(?:\s*\([^()\n]*\))?\s+)?" + _repeated(
    r"(?:async|unsafe|default|const(?=\s+(?:fn|unsafe|async|extern)\b)|extern\s+\"[^\"\n]*\")\s+"
)
INSIDES: dict[str, tuple[tuple[str, str], ...]] = {
    "rust": (
        ("function", rf"{_ITEM}fn\s+(?:r#)?(?P<name>\w++)"),
        ("struct", rf"{_ITEM}(?:struct|union)\s+(?:r#)?(?P<name>\w++)"),
        ("enum", rf"{_ITEM}enum\s+(?:r#)?(?P<name>\w++)"),
        ("interface", rf"{_ITEM}trait\s+(?:r#)?(?P<name>\w++)"),
        ("module", rf"{_ITEM}mod\s+(?:r#)?(?P<name>\w++)"),
        ("extension", rf"{_ITEM}impl(?:<[^\n{{]{{0,200}}?>)?\s+(?:[^\n{{]{{0,200}}?\sfor\s+)?(?P<name>\w++)"),
        ("typedef", rf"{_ITEM}type\s+(?:r#)?(?P<name>\w++)"),
        ("constant", rf"{_ITEM}const\s+(?:r#)?(?P<name>\w++)\s*[:=]"),
        ("variable", rf"{_ITEM}static\s+(?:ref\s+|mut\s+)?(?:r#)?(?P<name>\w++)\s*[:=]"),
    ),
}
"""As RECOVERIES, but anywhere in brackets: the items of a macro whose own words the grammar cannot read."""

INITIALISERS = frozenset({"cpp"})
"""Languages in which `name(value) {` may be the last of a constructor's initialisers."""

BY_INDENTATION = frozenset({"python"})
"""Languages in which nothing holds what is not indented deeper."""

STATEMENTS = frozenset({b"if", b"for", b"while", b"switch", b"catch", b"return", b"else"})
"""What a broken tree may take for the name of a method."""
