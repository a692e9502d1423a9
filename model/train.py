"""Train the table of token vectors: sentences find their functions among those of the same and other projects.

Loss: InfoNCE in both directions over a batch of about 2,048 functions, in groups of at most 256 of one project (its
functions are each other's hard negatives, the nearer the harder: `Settings.near`), with a learned temperature, for the
whole vector and its first 128 and 64 numbers (Matryoshka). A text is the sum over its distinct tokens of
(1 + ln count) times the token's vector, L2-normalised; on the query side each token has a learned factor besides.
Invariant: the same seed, data and number of steps give the same table (one thread).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

Bag = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Counted = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Of each distinct token of some texts: its text's number, the token, how often it stands there."""

REST = "rest"
"""The column that is made here: what a doc comment says after its first sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training run is made of; `docs/model.md` says what each gave."""

    steps: int = 2000
    seed: int = 0
    batch: int = 2048
    group: int = 256
    rate: float = 1e-3
    token_dropout: float = 0.2
    query_dropout: float = 0.0
    name_batches: float = 0.2
    """Share of batches whose query is the function's name and whose document is the code with the name masked."""
    masked_documents: float = 0.25
    doc_queries: float = 0.2
    """Share of the other batches whose query is the whole doc comment, not its first sentence."""
    header_documents: float = 0.7
    """Share of the other batches whose documents carry path and qualified name, as the engine embeds chunks."""
    commented_documents: float = 0.3
    """Share of the documents with header whose code is led by the rest of its doc comment, as chunks of the engine are;
    the query is then the first sentence."""
    overlap_dropout: float = 0.2
    """Share of the documents out of which the query's own words are taken, each with a chance of half: a question whose
    words do not stand in the code."""
    near: float = 0.0
    """Share of the rounds in which the groups of a large project are of functions that lie near each other in the table
    as it is then, not any 256 of it: mined hard negatives."""
    narrow: tuple[int, ...] = (128, 64)
    """Dimensions whose vectors, cut after so many numbers, are trained besides the whole one."""
    narrow_weight: float = 0.25
    start_scale: float = 20.0


class Table(torch.nn.Module):
    """Token vectors, the query side's log factors, and the log temperature."""

    def __init__(
        self, vectors: npt.NDArray[np.float32], scale: float, factors: npt.NDArray[np.float32] | None = None
    ) -> None:
        super().__init__()
        self.vectors = torch.nn.Parameter(torch.tensor(vectors))
        self.query = torch.nn.Parameter(torch.zeros(len(vectors)) if factors is None else torch.tensor(np.log(factors)))
        self.temperature = torch.nn.Parameter(torch.tensor(float(np.log(scale))))

    def forward(self, bag: Bag, query: bool) -> torch.Tensor:
        """(texts, dims), unit length."""
        tokens, offsets, weights = bag
        if query:
            weights = weights * torch.exp(self.query[tokens])
        summed = torch.nn.functional.embedding_bag(
            tokens, self.vectors, offsets, mode="sum", per_sample_weights=weights
        )
        return torch.nn.functional.normalize(summed, dim=1, eps=1e-6)


class Corpus:
    """The bags that `model.pairs.encode` wrote."""

    def __init__(self, path: Path, rng: np.random.Generator) -> None:
        with np.load(path) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        self.project: npt.NDArray[np.int32] = self._arrays["project"]
        self.has: npt.NDArray[np.bool_] = self._arrays["has"]
        self._rng = rng

    def bag(
        self,
        columns: tuple[str, ...],
        rows: npt.NDArray[np.int64],
        dropout: float = 0.0,
        without: tuple[Bag, npt.NDArray[np.bool_]] | None = None,
    ) -> Bag:
        """The bags of `rows`, of the texts of `columns` put together, each distinct token dropped with `dropout`.

        `without` is bags (texts,) and whether (texts,) their tokens are to be dropped here, each with a chance of half.
        """
        owners: list[npt.NDArray[np.int64]] = []
        tokens: list[npt.NDArray[np.int64]] = []
        counts: list[npt.NDArray[np.int64]] = []
        for column in columns:
            found = self._rest(rows) if column == REST else self._column(column, rows)
            for parts, part in zip((owners, tokens, counts), found, strict=True):
                parts.append(part)
        owner, token, count = (np.concatenate(parts) for parts in (owners, tokens, counts))
        if len(columns) > 1:
            keys, inverse = np.unique(owner << 32 | token, return_inverse=True)
            count = np.bincount(inverse, count).astype(np.int64)
            owner, token = keys >> 32, keys & 0xFFFFFFFF
        if dropout or without:
            keep = self._rng.random(len(token)) >= dropout
            if without:
                (asked, starts, _), chosen = without
                counts_asked = np.diff(np.append(starts.numpy(), len(asked)))
                shared = np.repeat(np.arange(len(rows)), counts_asked) << 32 | asked.numpy()
                hit = np.isin(owner << 32 | token, shared) & chosen[owner]
                keep &= ~(hit & (self._rng.random(len(token)) < 0.5))
            owner, token, count = owner[keep], token[keep], count[keep]
        starts = np.searchsorted(owner, np.arange(len(rows)))
        weights = (1 + np.log(count)).astype(np.float32)
        return torch.from_numpy(token), torch.from_numpy(starts), torch.from_numpy(weights)

    def _column(self, column: str, rows: npt.NDArray[np.int64]) -> Counted:
        offsets = self._arrays[f"{column}_offsets"]
        lengths = offsets[rows + 1] - offsets[rows]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(offsets[rows] - (ends - lengths), lengths)
        owners = np.repeat(np.arange(len(rows)), lengths)
        tokens, counts = (self._arrays[f"{column}_{what}"][places].astype(np.int64) for what in ("tokens", "counts"))
        return owners, tokens, counts

    def _rest(self, rows: npt.NDArray[np.int64]) -> Counted:
        """The doc comment without its first sentence."""
        owner, token, count = self._column("doc", rows)
        asked_owner, asked_token, asked_count = self._column("sentence", rows)
        asked = asked_owner << 32 | asked_token
        keys = owner << 32 | token
        order = np.argsort(asked)
        places = np.minimum(np.searchsorted(asked, keys, sorter=order), len(asked) - 1)
        same = asked[order[places]] == keys
        left = count - np.where(same, asked_count[order[places]], 0)
        keep = left > 0
        return owner[keep], token[keep], left[keep]

    def _by_nearness(self, rows: npt.NDArray[np.int64], table: Table) -> npt.NDArray[np.int64]:
        """`rows` such that near ones follow each other: by their parts of space, cut by random planes through it."""
        with torch.no_grad():
            vectors = table(self.bag(("code",), rows), False).numpy()
        vectors = vectors - vectors.mean(0)
        parts = max(1, int(np.log2(len(rows) / 256)))
        planes = self._rng.normal(size=(vectors.shape[1], parts)).astype(np.float32)
        sides = vectors @ planes
        cell = ((sides > np.median(sides, axis=0)) << np.arange(parts)).sum(1)
        return rows[np.argsort(cell, kind="stable")]

    def batches(self, rows: npt.NDArray[np.int64], settings: Settings, table: Table) -> Iterator[npt.NDArray[np.int64]]:
        """Batches for ever: groups of functions of one project, shuffled anew each time round."""
        projects = [rows[self.project[rows] == number] for number in np.unique(self.project[rows])]
        while True:
            groups = []
            for members in projects:
                shuffled = self._rng.permutation(members)
                if len(members) > settings.group and self._rng.random() < settings.near:
                    shuffled = self._by_nearness(shuffled, table)
                groups += [
                    shuffled[start : start + settings.group] for start in range(0, len(shuffled), settings.group)
                ]
            batch: list[npt.NDArray[np.int64]] = []
            for place in self._rng.permutation(len(groups)):
                if len(groups[place]) < 24:
                    continue
                batch.append(groups[place])
                if sum(map(len, batch)) >= settings.batch:
                    yield np.concatenate(batch)
                    batch = []


def held_out(corpus: Corpus, projects: int = 10) -> npt.NDArray[np.int32]:
    """Projects of middle size kept out of training, to watch it by."""
    sizes = np.bincount(corpus.project[corpus.has])
    middle = np.flatnonzero((sizes >= 250) & (sizes <= 1200)).astype(np.int32)
    return np.random.default_rng(42).permutation(middle)[:projects]


def held_out_ndcg(table: Table, corpus: Corpus, projects: npt.NDArray[np.int32]) -> float:
    """NDCG@10 of sentences among the functions of their own held-out project, with header."""
    gains = []
    with torch.no_grad():
        for number in projects:
            rows = np.flatnonzero(corpus.project == number)
            asked = rows[corpus.has[rows]]
            scores = (
                table(corpus.bag(("sentence",), asked), True) @ table(corpus.bag(("header", "code"), rows), False).T
            )
            right = scores[torch.arange(len(asked)), torch.from_numpy(np.searchsorted(rows, asked))]
            ranks = 1 + (scores > right[:, None]).sum(1).numpy()
            gains.append(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0))
    return float(np.concatenate(gains).mean())


def train(
    data: Path,
    start: npt.NDArray[np.float32],
    settings: Settings,
    factors: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], dict[str, object]]:
    """Returns (vectors (vocabulary, dims), query factors (vocabulary,), figures of the run).

    `start` are the vectors to begin with: of a teacher, or, with their `factors`, those of an earlier run.
    """
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    corpus = Corpus(data, rng)
    watched = held_out(corpus)
    training = np.flatnonzero(~np.isin(corpus.project, watched))
    table = Table(start, settings.start_scale, factors)
    asked = corpus.batches(training[corpus.has[training]], settings, table)
    named = corpus.batches(training, settings, table)
    rates = (settings.rate, 2 * settings.rate, 1e-2)
    parameters = (table.vectors, table.query, table.temperature)
    optimizer = torch.optim.Adam(
        [{"params": [parameter], "lr": rate} for parameter, rate in zip(parameters, rates, strict=True)],
        betas=(0.9, 0.98),
        fused=True,
    )
    before = held_out_ndcg(table, corpus, watched)
    print(f"{len(training)} functions, held-out NDCG@10 at the start {before:.4f}", flush=True)
    began, smoothed = time.monotonic(), 0.0
    for step in range(settings.steps):
        factor = min(1.0, (step + 1) / 50) * (0.5 * (1 + np.cos(np.pi * step / settings.steps)) * 0.97 + 0.03)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        query: tuple[str, ...]
        document: tuple[str, ...]
        if rng.random() < settings.name_batches:
            query, document = ("name",), ("masked",)
            rows = next(named)
        else:
            rows = next(asked)
            query = ("doc",) if rng.random() < settings.doc_queries else ("sentence",)
            document = ("masked",) if rng.random() < settings.masked_documents else ("code",)
            if document == ("code",) and rng.random() < settings.header_documents:
                document = ("header", "code")
                if rng.random() < settings.commented_documents:
                    query, document = ("sentence",), ("header", REST, "code")
        question = corpus.bag(query, rows, settings.query_dropout)
        without = None
        if settings.overlap_dropout and query != ("name",):
            without = (question, rng.random(len(rows)) < settings.overlap_dropout)
        queries = table(question, True)
        documents = table(corpus.bag(document, rows, settings.token_dropout, without), False)
        temperature = torch.exp(table.temperature).clamp(max=100)
        loss = _contrast(queries, documents, temperature)
        if settings.narrow and step % 2:
            dims = settings.narrow[step // 2 % len(settings.narrow)]
            narrowed = _contrast(_cut(queries, dims), _cut(documents, dims), temperature)
            loss = loss + settings.narrow_weight * narrowed
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        smoothed = loss.item() if not step else 0.98 * smoothed + 0.02 * loss.item()
        if (step + 1) % 100 == 0:
            shown = f" held-out {held_out_ndcg(table, corpus, watched):.4f}" if (step + 1) % 500 == 0 else ""
            pace = (time.monotonic() - began) / (step + 1)
            left = pace * (settings.steps - step - 1)
            print(
                f"step {step + 1}/{settings.steps} loss {smoothed:.3f} {pace:.3f} s/step, {left:.0f} s left{shown}",
                flush=True,
            )
    figures = {
        "settings": asdict(settings),
        "functions": len(training),
        "with_sentence": int(corpus.has[training].sum()),
        "projects": len(np.unique(corpus.project[training])),
        "held_out_ndcg10_start": round(before, 4),
        "held_out_ndcg10": round(held_out_ndcg(table, corpus, watched), 4),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    print(json.dumps(figures), flush=True)
    with torch.no_grad():
        factors = torch.exp(table.query).numpy().astype(np.float32)
        return table.vectors.detach().numpy(), factors, figures


def _contrast(queries: torch.Tensor, documents: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """InfoNCE in both directions: every query's own document among all, and the reverse."""
    scores = queries @ documents.T * temperature
    right = torch.arange(len(queries))
    entropy = torch.nn.functional.cross_entropy
    return (entropy(scores, right) + entropy(scores.T, right)) / 2


def _cut(vectors: torch.Tensor, dims: int) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors[:, :dims], dim=1, eps=1e-6)
