"""Judge a model folder on a retrieval set, alone and with BM25, as the engine would use it (int8 vectors, header).

    python -m model.judge [--model FOLDER] [--prefix ../shared/retrieval/dev]

Each query (a docstring's first sentence) is ranked against all functions of its own project. Figures: NDCG@10 and MRR@10
with one right answer, recall@1/5/10. `low overlap` are the queries of which at most 40 % of the words stand in the code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lowtide.work.embed import Encoder, Side, document_text, document_words, load_encoder
from lowtide.work.words import query_words

Scores = dict[str, npt.NDArray[np.float64]]
_STOP = frozenset(
    query_words(
        "a an the of to for in on at is are be as by with from this that it its if or and not return returns given get set"
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
            words = [" ".join(query_words(row["text"])) for row in functions]
            if header:
                words = [
                    document_words(row["path"], row["qual"], text) for row, text in zip(functions, words, strict=True)
                ]
            documents = encoder.encode_words(words, Side.DOCUMENT)
        else:
            texts = [
                document_text(row["path"], row["qual"], row["text"]) if header else row["text"] for row in functions
            ]
            documents = encoder.encode(texts, Side.DOCUMENT)
        queries = encoder.encode([query["query"] for query in retrieval.queries[project]], Side.QUERY)
        scores[project] = _unit(queries) @ _unit(documents).T
    return scores


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


def judge(model: Path | None, prefix: str) -> dict[str, dict[str, Any]]:
    """Print and return the table of all variants."""
    retrieval = Retrieval(prefix)
    encoder = load_encoder(model)
    plain, headed = dense(retrieval, encoder, header=False), dense(retrieval, encoder, header=True)
    words, named = bm25(retrieval, _stemmed, header=False), bm25(retrieval, _stemmed, header=True)
    variants = {
        "BM25, code": words,
        "BM25, name and path": named,
        f"{encoder.name}, code": plain,
        f"{encoder.name}, header": headed,
        **{f"hybrid, header, dense {weight}": hybrid(named, headed, weight) for weight in (0.5, 0.6, 0.7, 0.8)},
    }
    languages = np.array([query["lang"] for query in retrieval.rows])
    table = {}
    for name, scores in variants.items():
        ranks = retrieval.ranks(scores)
        table[name] = {
            **figures(ranks),
            "low overlap": figures(ranks[retrieval.overlap <= 0.4])["ndcg10"],
            **{language: figures(ranks[languages == language])["ndcg10"] for language in sorted(set(languages))},
        }
        print(f"{name:36}", " ".join(f"{key} {value:.3f}" for key, value in table[name].items()), flush=True)
    return table


def _unit(vectors: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)


def _stem(word: str) -> str:
    if len(word) <= 3:
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


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
    parser.add_argument("--prefix", default="../shared/retrieval/dev")
    args = parser.parse_args()
    judge(args.model, args.prefix)


if __name__ == "__main__":
    main()
