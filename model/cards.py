"""Make the table of concept cards that search asks: `daemon/lowtide/default_model/concepts.bin`.

    python -m model.cards [--check]

The cards are those of `model/concepts`; a card's vector is the mean of its phrasings' (the default model's, the query
side), of which the first DIMS numbers are kept. The same cards and model give the same bytes on one machine; on
another a number may differ by 1, as sums are rounded. `--check` says whether the file is the one that they give.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lowtide.read.concepts import FILE, VERSION
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model, read_model
from lowtide.work.model.static_model import StaticModel

CARDS = Path(__file__).with_name("concepts")
TABLE = default_model() / FILE
DIMS = 128


def cards() -> Iterator[tuple[list[str], list[str]]]:
    """The phrasings and the terms of each."""
    for file in sorted(CARDS.glob("*.tsv")):
        for line in file.read_text("ascii").splitlines()[1:]:
            phrasings, terms = line.split("\t")
            yield phrasings.split(" | "), terms.split()


def table() -> bytes:
    """The file's content; `lowtide.read.concepts` says its form."""
    model = read_model(default_model())
    static = StaticModel.open(model)
    if static is None:
        raise SystemExit("the default model is not a static one")
    vectors, lines = [], []
    for phrasings, terms in cards():
        encoded = static.encode(phrasings, Side.QUERY).astype(np.float64)
        mean = (encoded / np.linalg.norm(encoded, axis=1, keepdims=True)).mean(0)[:DIMS]
        vectors.append(np.round(mean * (127 / np.abs(mean).max())).astype(np.int8))
        lines.append(" ".join(terms).encode() + b"\n")
    offsets = np.cumsum([0, *map(len, lines)]).astype(np.uint32)
    header = {"format_version": VERSION, "recipe": model.recipe, "cards": len(lines), "dims": DIMS}
    return b"".join((json.dumps(header).encode() + b"\n", offsets.tobytes(), np.stack(vectors).tobytes(), *lines))


def is_made_of_the_cards(content: bytes) -> bool:
    """Whether a table is the one that the cards give, but for a number that is rounded another way."""
    parts, own = content.partition(b"\n"), table().partition(b"\n")
    if parts[0] != own[0] or len(parts[2]) != len(own[2]):
        return False
    header = json.loads(own[0])
    start = 4 * (header["cards"] + 1)
    end = start + header["cards"] * header["dims"]
    theirs, ours = (np.frombuffer(part[2][start:end], np.int8).astype(np.int16) for part in (parts, own))
    is_same = parts[2][:start] == own[2][:start] and parts[2][end:] == own[2][end:]
    return is_same and int(np.abs(theirs - ours).max()) <= 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        print(f"{TABLE.write_bytes(table()):,} bytes")
    elif not TABLE.exists() or not is_made_of_the_cards(TABLE.read_bytes()):
        sys.exit(f"{TABLE} is not what the cards give: run `python -m model.cards`")


if __name__ == "__main__":
    main()
