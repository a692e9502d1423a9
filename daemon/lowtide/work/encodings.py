"""Which encoding a text is in that says nothing of it: each that fits its bytes is tried, the likeliest reading wins.

A source has few words beside its code, too few for the general detectors: what counts is how many of the characters
that are not ASCII are among the common ones of a language. `frequent.txt` holds, a language a line, the characters that
make up nine tenths of its technical texts. Measured: decision 12.

Invariant: a bounded sample is looked at; standard codecs only.
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from importlib import resources

import msgspec

SAMPLE_BYTES = 1 << 14
LEAST_SCORE = 0.55
"""Of what is not ASCII in a reading, so much must be common in its language."""
_ISOLATED = 0.8
_LEAST_LETTERS = 2
_CAPITALS = 0.7
"""A word in capitals is less likely: it may be one of small letters in another encoding."""
_LINE = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_ASCII_LETTER = re.compile("[A-Za-z]")
_WORD = re.compile(r"[^\W\d_]+")
_WESTERN = frozenset(
    b"\x80\x82\x84\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa1\xa7\xa9\xab\xae\xb0\xb1\xb2\xb4\xb5\xb7\xbb\xbf"
) | {*range(0xC0, 0x100)}
"""What a Western text has beside ASCII in Windows-1252: letters, quotes, dashes, signs."""
_SIGN_IN_WORD = re.compile("[a-z][¹²³º¿¡¼½¾¸¯¶\u009d\ufffd°]+[a-z]|[a-z][\u009d\ufffd¹]", re.IGNORECASE)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
_HALF_KANA = re.compile("[\uff61-\uff9f]")
_PLAUSIBLE = re.compile(
    "[\t\n\r\f\x20-\x7e\xa0-\u05ff\u2010-\u205f\u20a0-\u20bf\u2190-\u25ff\u3000-\u30ff\u4e00-\u9fff"
    "\uac00-\ud7af\uff00-\uffef]"
)
"""A character of the scripts that programs are written and explained in."""
_CJK_MARKS = frozenset("、。，！？：；（）「」『』《》【】・“”‘’—…～　")
_LETTERS = {
    "ru": (frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ"), frozenset("оеаинтсрвлкмдпуяыь")),
    "el": (frozenset("αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋ"), frozenset("αοιετσνηυρπκλςό")),
    "he": (frozenset("אבגדהוזחטיךכלםמןנסעףפץצקרשת"), frozenset("יוהלאברתשמנד")),
}
"""The small letters of a script that stands one byte a letter, and the common ones of them."""


class _Candidate(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    """The strict codec first: it gives the encoding its name where it is enough."""
    language: str


_CANDIDATES = (
    _Candidate(("gbk", "gb18030"), "zh"),
    _Candidate(("big5", "cp950"), "tw"),
    _Candidate(("shift_jis", "cp932"), "ja"),
    _Candidate(("euc_jp",), "ja"),
    _Candidate(("euc_kr", "cp949"), "ko"),
    _Candidate(("koi8_r", "koi8_u"), "ru"),
    _Candidate(("cp1251",), "ru"),
    _Candidate(("cp866",), "ru"),
    _Candidate(("iso8859_5",), "ru"),
    _Candidate(("cp1253",), "el"),
    _Candidate(("cp1255",), "he"),
)


_WIDER = {codecs.lookup(each.names[0]).name: each.names[1] for each in _CANDIDATES if len(each.names) > 1}


def guess(data: bytes) -> str:
    """The encoding of a text that is not UTF-8 and has no NUL; empty when none is likely but a Western one."""
    sample = _sample(data)
    if not sample:
        return ""
    if _is_western(sample):
        return _central(sample)
    best, most = "", LEAST_SCORE
    for candidate in _CANDIDATES:
        for name in candidate.names:
            try:
                text = sample.decode(name)
            except UnicodeDecodeError:
                continue
            score = _score(text, candidate.language)
            if score > most:
                best, most = name, score
            break
    return codecs.lookup(best).name if best else _central(sample)


def wider(name: str) -> str:
    """The encoding that holds all of `name` and more, as its users take it; empty when there is none."""
    return _WIDER.get(name, "")


def _central(sample: bytes) -> str:
    """`cp1250` when what were signs inside of words in a Western text are letters of Central Europe, else nothing."""
    if not _SIGN_IN_WORD.search(sample.decode("cp1252", "replace")):
        return ""
    try:
        text = sample.decode("cp1250")
    except UnicodeDecodeError:
        return ""
    return "" if _SIGN_IN_WORD.search(text) else "cp1250"


def guess_wide(data: bytes) -> str:
    """`utf-16-le` or `utf-16-be` when a text with NULs is in one without a mark, else nothing."""
    if len(data) % 2:
        return ""
    sample = data[:SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    for name, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        # Some characters are ASCII, at least the line ends; hardly one is a multiple of 256.
        if high * 100 < len(sample) or low * 3 > high:
            continue
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        if len(_PLAUSIBLE.findall(text)) * 100 >= 98 * len(text):
            return name
    return ""


def _sample(data: bytes) -> bytes:
    """The lines that are not ASCII alone, up to SAMPLE_BYTES of them."""
    lines: list[bytes] = []
    size = 0
    for match in _LINE.finditer(data):
        line = match[0]
        if size + len(line) > SAMPLE_BYTES:
            if not lines:
                lines.append(line[:SAMPLE_BYTES].rstrip(bytes(range(128, 256))))
            break
        lines.append(line)
        size += len(line)
    return b"\n".join(lines)


def _is_western(sample: bytes) -> bool:
    """Whether what is not ASCII stands one by one, as the accents of a Western text do, and is what such a text has."""
    runs = _HIGH_RUN.findall(sample)
    total = sum(map(len, runs))
    alone = sum(len(run) for run in runs if len(run) == 1)
    return alone >= _ISOLATED * total and sum(byte in _WESTERN for run in runs for byte in run) >= 0.95 * total


def _score(text: str, language: str) -> float:
    """How much of what is not ASCII in a reading is common in its language, from 0 to 1."""
    high = [character for character in text if character > "\x7f"]
    if not high:
        return 0.0
    if language in _LETTERS:
        return _by_letters(text, len(high), *_LETTERS[language])
    common = _frequent()[language]
    marks = sum(character in _CJK_MARKS for character in high)
    letters = len(high) - marks
    if not letters:
        return 0.0
    good = sum(character in common for character in high)
    if language == "ja":
        kana = len(_KANA.findall(text))
        half = len(_HALF_KANA.findall(text))
        good += kana - half
    return good / letters if letters >= 2 else 0.8 * good / letters


def _by_letters(text: str, high: int, letters: frozenset[str], usual: frozenset[str]) -> float:
    """The same of a script of letters: small ones, and capitals where a word begins or all of it is one."""
    if high < _LEAST_LETTERS:
        return 0.0
    good, common = 0.0, 0
    for word in _WORD.findall(text):
        rest = word if word.isupper() else word[1:]
        lower = word.lower()
        count = sum(character in letters for character in lower)
        if not count or _ASCII_LETTER.search(word):
            continue  # no word is of two scripts
        if rest == rest.lower() or word.isupper():
            good += count * (_CAPITALS if word.isupper() and count > 1 else 1.0)
        common += sum(character in usual for character in (word if not word.isupper() else lower))
    return 0.6 * good / high + 0.4 * min(1.0, common / (0.7 * high))


@cache
def _frequent() -> dict[str, frozenset[str]]:
    lines = resources.files("lowtide.work").joinpath("frequent.txt").read_text("utf-8").splitlines()
    return {name: frozenset(characters) for name, _, characters in (line.partition(" ") for line in lines)}
