"""Judge a model folder on a retrieval set, alone and with BM25, as the engine would use it (int8 vectors, header).

    python -m model.judge [--model FOLDER] [--compare FOLDER ...] --prefix PREFIX [--json FILE]

Each query (a docstring's first sentence) is ranked against all functions of its own project. Figures: NDCG@10 and
MRR@10 with one right answer, recall@1/5/10. Besides: the model's vectors before they are made int8, and cut to fewer
dimensions; `--compare` adds other models, such as a plain MiniLM folder. `low overlap` are the queries of which at most
40 % of the words stand in the code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from lowtide.work.model.bags import WordBags, read_vocabulary
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Encoder, Side, document_text, document_words
from lowtide.work.model.model_folder import default_model, read_model
from lowtide.work.words import query_words

Scores = dict[str, npt.NDArray[np.float64]]
Vectors = dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
_STOP = frozenset(
    query_words(
        "a an the of to for in on at is are be as by with from this that it its if or and not return returns given "
        "get set"
        " into whether when which use used all any one new true false will can may has have no only e g"
    )
)
_ENDINGS = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ations", "ate"),
    ("ation", "ate"),
    ("ingly", ""),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("ers", "er"),
    ("es", "e"),
    ("s", ""),
)


class Retrieval:
    """A retrieval set: functions and queries by project."""

    def __init__(self, prefix: str) -> None:
        self.functions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.queries: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for kind, rows in (("corpus", self.functions), ("queries", self.queries)):
            with gzip.open(f"{prefix}_{kind}.jsonl.gz", "rt", encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    rows[row["project"]].append(row)
        self.rows = [query for project in self.queries for query in self.queries[project]]
        texts = {row["id"]: row["text"] for rows in self.functions.values() for row in rows}
        self.overlap = np.array([word_overlap(query["query"], texts[query["target"]]) for query in self.rows])

    def ranks(self, scores: Scores) -> npt.NDArray[np.float64]:
        """The rank, from 1, of each query's answer; equal scores share the mean of their ranks."""
        ranks = []
        for project, queries in self.queries.items():
            places = {row["id"]: place for place, row in enumerate(self.functions[project])}
            for row, query in zip(scores[project], queries, strict=True):
                own = row[places[query["target"]]]
                ranks.append(float((row > own).sum() + ((row == own).sum() - 1) / 2 + 1))
        return np.array(ranks)


def figures(ranks: npt.NDArray[np.float64]) -> dict[str, float]:
    """NDCG@10, MRR@10 and recalls of one-answer queries."""
    hit = ranks <= 10
    named = {
        "ndcg10": np.where(hit, 1 / np.log2(ranks + 1), 0).mean(),
        "mrr10": np.where(hit, 1 / ranks, 0).mean(),
        **{f"recall{k}": (ranks <= k).mean() for k in (1, 5, 10)},
    }
    return {name: round(float(value), 4) for name, value in named.items()}


def dense(retrieval: Retrieval, encoder: Encoder, header: bool) -> Scores:
    """Cosines of the encoder's int8 vectors."""
    scores = {}
    for project, functions in retrieval.functions.items():
        if encoder.takes_words:
            documents = encoder.encode_words(_words(functions, header), Side.DOCUMENT)
        else:
            texts = [document_text(row["qual"], row["text"]) if header else row["text"] for row in functions]
            documents = encoder.encode(texts, Side.DOCUMENT)
        queries = encoder.encode([query["query"] for query in retrieval.queries[project]], Side.QUERY)
        scores[project] = _unit(queries) @ _unit(documents).T
    return scores


def exact(retrieval: Retrieval, folder: Path) -> Vectors:
    """A static model's float32 vectors, (queries, functions) by project: those that the encoder scales to int8."""
    model = read_model(folder)
    bags = WordBags(*read_vocabulary(model.tokenizer))
    session = onnxruntime.InferenceSession(str(model.onnx), providers=["CPUExecutionProvider"])

    def encode(words: list[str], side: Side) -> npt.NDArray[np.float32]:
        made = bags.bags(words)
        vectors = np.zeros((len(words), model.dims), np.float32)
        ends = np.cumsum(made.lengths)
        for row, (start, end) in enumerate(zip(ends - made.lengths, ends, strict=True)):
            if start < end:
                feed = {
                    "input_ids": made.tokens[None, start:end].astype(np.int64),
                    "token_weights": made.weights[None, start:end].astype(np.float32),
                    "side": np.array(side.value, np.int64),
                }
                vectors[row] = session.run(None, feed)[0][0]
        return vectors

    return {
        project: (
            encode([" ".join(query_words(query["query"])) for query in retrieval.queries[project]], Side.QUERY),
            encode(_words(functions, header=True), Side.DOCUMENT),
        )
        for project, functions in retrieval.functions.items()
    }


def cut(vectors: Vectors, dims: int) -> Scores:
    """Cosines of the first `dims` numbers of each vector, made int8 as the encoder makes them."""
    return {
        project: _unit(_int8(queries[:, :dims])) @ _unit(_int8(functions[:, :dims])).T
        for project, (queries, functions) in vectors.items()
    }


def bm25(
    retrieval: Retrieval, terms: Callable[[str], list[str]], header: bool, k1: float = 1.2, b: float = 0.75
) -> Scores:
    """BM25 (Robertson and Walker); `header` adds the path and the name, the name twice."""
    scores = {}
    for project, functions in retrieval.functions.items():
        texts = [
            f"{row['qual']} {row['name']} {row['name']} {row['path']}\n{row['text']}" if header else row["text"]
            for row in functions
        ]
        documents = [Counter(terms(text)) for text in texts]
        lengths = np.array([sum(document.values()) for document in documents], float)
        norms = k1 * (1 - b + b * lengths / lengths.mean())
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, document in enumerate(documents):
            for term, count in document.items():
                postings[term].append((place, count))
        queries = retrieval.queries[project]
        matrix = np.zeros((len(queries), len(documents)))
        for row, query in enumerate(queries):
            for term in set(terms(query["query"])):
                found = postings.get(term)
                if found:
                    weight = math.log(1 + (len(documents) - len(found) + 0.5) / (len(found) + 0.5))
                    places, counts = (np.array(column) for column in zip(*found, strict=True))
                    matrix[row, places] += weight * counts * (k1 + 1) / (counts + norms[places])
        scores[project] = matrix
    return scores


def hybrid(lexical: Scores, semantic: Scores, weight: float) -> Scores:
    """Weighted sum: BM25 divided by its largest, cosines from their mean to their largest; `weight` on the cosines."""
    fused = {}
    for project, words in lexical.items():
        vectors = semantic[project]
        mean = vectors.mean(1, keepdims=True)
        first = words / np.maximum(words.max(1, keepdims=True), 1e-9)
        second = (vectors - mean) / (vectors.max(1, keepdims=True) - mean + 1e-9)
        fused[project] = (1 - weight) * first + weight * second
    return fused


def judge(model: Path | None, prefix: str, compare: Sequence[Path] = ()) -> dict[str, dict[str, Any]]:
    """Print and return the table of all variants."""
    retrieval = Retrieval(prefix)
    folder = model or default_model()
    encoder = load_encoder(folder)
    plain, headed = dense(retrieval, encoder, header=False), dense(retrieval, encoder, header=True)
    words, named = bm25(retrieval, _stemmed, header=False), bm25(retrieval, _stemmed, header=True)
    variants = {
        "BM25, unsplit": bm25(retrieval, _unsplit, header=False),
        "BM25, code": words,
        "BM25, name and path": named,
        f"{encoder.name}, code": plain,
        f"{encoder.name}, header": headed,
        **{f"hybrid, header, dense {weight}": hybrid(named, headed, weight) for weight in (0.5, 0.6, 0.7, 0.8)},
    }
    if encoder.takes_words:
        vectors = exact(retrieval, folder)
        variants[f"{encoder.name}, header, float32"] = {
            project: _unit(queries) @ _unit(functions).T for project, (queries, functions) in vectors.items()
        }
        for dims in (dims for dims in (128, 64) if dims < encoder.dims):
            variants[f"{encoder.name}, header, {dims} dimensions"] = cut(vectors, dims)
            variants[f"hybrid, header, {dims} dimensions, dense 0.6"] = hybrid(named, cut(vectors, dims), 0.6)
    for other in map(load_encoder, compare):
        theirs = dense(retrieval, other, header=True)
        variants[f"{other.name}, header"] = theirs
        variants[f"hybrid, {other.name}, dense 0.6"] = hybrid(named, theirs, 0.6)
    return tabulate(retrieval, variants)


def tabulate(retrieval: Retrieval, variants: dict[str, Scores]) -> dict[str, dict[str, Any]]:
    """Print and return the figures of each variant."""
    low = retrieval.overlap <= 0.4
    languages = np.array([query["lang"] for query in retrieval.rows])
    table = {}
    for name, scores in variants.items():
        ranks = retrieval.ranks(scores)
        table[name] = {
            **figures(ranks),
            **({"low overlap": figures(ranks[low])["ndcg10"]} if low.any() else {}),
            **{language: figures(ranks[languages == language])["ndcg10"] for language in sorted(set(languages))},
        }
        print(f"{name:36}", " ".join(f"{key} {value:.3f}" for key, value in table[name].items()), flush=True)
    return table


def _words(functions: list[dict[str, Any]], header: bool) -> list[str]:
    words = [" ".join(query_words(row["text"])) for row in functions]
    if not header:
        return words
    return [document_words(row["qual"], text) for row, text in zip(functions, words, strict=True)]


def _int8(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled: npt.NDArray[np.int8] = np.rint(vectors * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)
    return scaled


def _unit(vectors: npt.NDArray[np.int8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    unit: npt.NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)
    return unit


def _stem(word: str) -> str:
    if len(word) <= 3:
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _unsplit(text: str) -> list[str]:
    """Whole identifiers, as a search that knows nothing of code takes them."""
    return [word.lower() for word in re.findall(r"\w+", text)]


def _stemmed(text: str) -> list[str]:
    return [_stem(word) for word in query_words(text)]


def word_overlap(query: str, code: str) -> float:
    asked = {
        _stem(word)
        for word in re.findall(r"[a-z]+", " ".join(query_words(query)))
        if word not in _STOP and len(word) > 1
    }
    return len(asked & set(_stemmed(code))) / max(len(asked), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument(
        "--prefix", required=True, help="PREFIX_corpus.jsonl.gz and PREFIX_queries.jsonl.gz are the set"
    )
    parser.add_argument("--compare", type=Path, nargs="*", default=[], help="other model folders")
    parser.add_argument("--json", type=Path, help="write the table there too")
    args = parser.parse_args()
    table = judge(args.model, args.prefix, args.compare)
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
