"""Train the table of token vectors: sentences find their functions among those of the same and other projects.

Loss: InfoNCE in both directions over a batch of about 2,048 functions, in groups of at most 256 of one project (its
functions are each other's hard negatives, the nearer the harder: `Settings.near`), with a learned temperature, for the
whole vector and its first 128 and 64 numbers (Matryoshka). A text is the sum over its distinct tokens of
(1 + ln count) times the token's vector, L2-normalised; on the query side each token has a learned factor besides.
Invariant: the same seed, data and number of steps give the same table (one thread), interrupted or not.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from model.corpus import REST, Bag, Batches, Corpus, Rows
from model.files import whole
from model.progress import progress

_CHECKPOINT_STEPS = 100


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
    checkpoint: Path | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], dict[str, object]]:
    """Returns (vectors (vocabulary, dims), query factors (vocabulary,), figures of the run).

    `start` are the vectors to begin with: of a teacher, or, with their `factors`, those of an earlier run.
    `checkpoint` is a file that is written now and then; a run of the same settings and data that finds one goes on from
    it.
    """
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    corpus = Corpus(data, rng)
    watched = held_out(corpus)
    training = np.flatnonzero(~np.isin(corpus.project, watched))
    table = Table(start, settings.start_scale, factors)

    def code_vectors(rows: Rows) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            vectors: npt.NDArray[np.float32] = table(corpus.bag(("code",), rows), False).numpy()
            return vectors

    asked, named = (
        Batches(corpus, rows, settings.batch, settings.group, settings.near, code_vectors)
        for rows in (training[corpus.has[training]], training)
    )
    rates = (settings.rate, 2 * settings.rate, 1e-2)
    parameters = (table.vectors, table.query, table.temperature)
    optimizer = torch.optim.Adam(
        [{"params": [parameter], "lr": rate} for parameter, rate in zip(parameters, rates, strict=True)],
        betas=(0.9, 0.98),
        fused=True,
    )
    before = held_out_ndcg(table, corpus, watched)
    run = _Run(table, optimizer, rng, asked, named, _identity(settings, start, factors, len(training)))
    first = run.load(checkpoint)
    print(f"{len(training)} functions, held-out NDCG@10 at the start {before:.4f}, from step {first}", flush=True)
    began = time.monotonic()
    with progress("train", settings.steps, "steps", first) as advance:
        for step in range(first, settings.steps):
            factor = float(
                min(1.0, (step + 1) / 50) * (0.5 * (1 + np.cos(np.pi * step / settings.steps)) * 0.97 + 0.03)
            )
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            query: tuple[str, ...]
            document: tuple[str, ...]
            if rng.random() < settings.name_batches:
                query, document = ("name",), ("masked",)
                rows = named.take()
            else:
                rows = asked.take()
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
            loss.backward()
            optimizer.step()
            run.smoothed = loss.item() if not step else 0.98 * run.smoothed + 0.02 * loss.item()
            note = f"loss {run.smoothed:.3f}"
            if (step + 1) % 500 == 0:
                note += f" held-out {held_out_ndcg(table, corpus, watched):.4f}"
            advance(note)
            if checkpoint and (step + 1) % _CHECKPOINT_STEPS == 0:
                run.save(checkpoint, step + 1)
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


class _Run:
    """What a run depends on from one step to the next."""

    def __init__(
        self,
        table: Table,
        optimizer: torch.optim.Optimizer,
        rng: np.random.Generator,
        asked: Batches,
        named: Batches,
        identity: str,
    ) -> None:
        self._table, self._optimizer, self._rng = table, optimizer, rng
        self._asked, self._named = asked, named
        self._identity = identity
        self.smoothed = 0.0

    def save(self, path: Path, step: int) -> None:
        """Write the state after `step` steps, whole or not at all."""
        state = {
            "identity": self._identity,
            "step": step,
            "smoothed": self.smoothed,
            "table": self._table.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rng": self._rng.bit_generator.state,
            "asked": self._asked.state(),
            "named": self._named.state(),
        }
        with whole(path) as part:
            torch.save(state, part)

    def load(self, path: Path | None) -> int:
        """Go on from `path`; returns how many steps are done, 0 when there is none of this run."""
        if path is None or not path.exists():
            return 0
        state: dict[str, Any] = torch.load(path, weights_only=True)
        if state["identity"] != self._identity:
            return 0
        self._table.load_state_dict(state["table"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["rng"]
        self._asked.restore(state["asked"])
        self._named.restore(state["named"])
        self.smoothed = state["smoothed"]
        return int(state["step"])


def _identity(
    settings: Settings, start: npt.NDArray[np.float32], factors: npt.NDArray[np.float32] | None, functions: int
) -> str:
    """Differs for runs that a checkpoint must not be carried between."""
    told = hashlib.sha256(json.dumps([asdict(settings), functions]).encode())
    for array in (start, factors):
        if array is not None:
            told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()


def _contrast(queries: torch.Tensor, documents: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """InfoNCE in both directions: every query's own document among all, and the reverse."""
    scores = queries @ documents.T * temperature
    right = torch.arange(len(queries))
    entropy = torch.nn.functional.cross_entropy
    return (entropy(scores, right) + entropy(scores.T, right)) / 2


def _cut(vectors: torch.Tensor, dims: int) -> torch.Tensor:
    return torch.nn.functional.normalize(vectors[:, :dims], dim=1, eps=1e-6)
