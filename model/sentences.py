"""The first sentence of a doc comment, as a stand-in for what a developer would ask."""

from __future__ import annotations

import re

_NO_SENTENCE = re.compile(
    r"^(see|todo|fixme|deprecated|note|noop|xxx|copyright|@|:|\\|eslint|istanbul|c8 |prettier|ts-|nolint|\+|--|==|\*\*"
    r"|#)",
    re.IGNORECASE,
)
_PARAGRAPH_END = re.compile(
    r"\n\s*\n|\n\s*[@:\\]|\n\s*(?:Args|Parameters|Returns|Examples?)\s*:?\s*\n|\n\s*>>>|\n\s*\.\. "
)
_ROLE = re.compile(r":(?:\w+:)?(?:class|func|meth|attr|mod|ref|obj|exc|data|term|doc|setting|py:\w+):`~?([^`]+)`")
_SENTENCE = re.compile(r"(.{12,}?[.!?])(?:\s|$)(?<!e\.g\.\s)(?<!i\.e\.\s)")


def uncomment(comment: str) -> str:
    """The text of a `/* */`, `//` or `#` comment without its markers."""
    text = re.sub(r"^\s*/\*+!?|\*+/\s*$", "", comment.strip())
    lines = (re.sub(r"^\s*(\*+(?!\*)|///?!?|#+(?!!)|//+)\s?", "", line).rstrip() for line in text.split("\n"))
    return "\n".join(lines).strip()


def first_sentence(doc: str, name: str) -> str | None:
    """The first sentence of `doc` without markup or a leading `name`; None when it says too little or is no prose."""
    doc = re.sub(r"^(@(desc|description|brief|summary)|\\brief)\s+", "", doc.strip())
    text = re.sub(r"\s+", " ", _PARAGRAPH_END.split(doc)[0]).strip()
    text = _ROLE.sub(r"\1", text)
    text = re.sub(r"\{@\w+\s+([^}]*)\}", r"\1", text)
    text = re.sub(r"\[`?([^\]`]+)`?\](\([^)]*\))?", r"\1", text)
    text = re.sub(r"<[^>]{1,60}>", "", text.replace("`", ""))
    match = _SENTENCE.match(text)
    sentence = (match[1] if match else text).strip().rstrip(".").strip()
    sentence = re.sub(rf"^({re.escape(name)})\b(\s*\(\))?\s*[,:-]*\s*", "", sentence) if name else sentence
    return sentence if _is_prose(sentence) else None


def _is_prose(sentence: str) -> bool:
    if not sentence or len(sentence) > 300 or _NO_SENTENCE.match(sentence) or not sentence.isascii():
        return False
    words = re.findall(r"[A-Za-z]+", sentence)
    return 3 <= len(words) <= 45 and sum(map(len, words)) >= 0.6 * len(sentence.replace(" ", ""))
