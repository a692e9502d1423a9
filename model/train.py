"""Train the table of token vectors: sentences find their functions among those of the same and other projects.

Loss: InfoNCE in both directions over a batch of about 2,048 functions, in groups of at most 256 of one project (its
functions are each other's hard negatives), with a learned temperature. A text is the sum over its distinct tokens of
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
    start_scale: float = 20.0


class Table(torch.nn.Module):
    """Token vectors, the query side's log factors, and the log temperature."""

    def __init__(self, vectors: npt.NDArray[np.float32], scale: float) -> None:
        super().__init__()
        self.vectors = torch.nn.Parameter(torch.tensor(vectors))
        self.query = torch.nn.Parameter(torch.zeros(len(vectors)))
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

    def bag(self, columns: tuple[str, ...], rows: npt.NDArray[np.int64], dropout: float = 0.0) -> Bag:
        """The bags of `rows`, of the texts of `columns` put together, each distinct token dropped with `dropout`."""
        owners, tokens, counts = [], [], []
        for column in columns:
            offsets = self._arrays[f"{column}_offsets"]
            lengths = offsets[rows + 1] - offsets[rows]
            ends = np.cumsum(lengths)
            places = np.arange(ends[-1]) + np.repeat(offsets[rows] - (ends - lengths), lengths)
            owners.append(np.repeat(np.arange(len(rows)), lengths))
            tokens.append(self._arrays[f"{column}_tokens"][places].astype(np.int64))
            counts.append(self._arrays[f"{column}_counts"][places].astype(np.int64))
        owner, token, count = (np.concatenate(parts) for parts in (owners, tokens, counts))
        if len(columns) > 1:
            keys, inverse = np.unique(owner << 32 | token, return_inverse=True)
            count = np.bincount(inverse, count).astype(np.int64)
            owner, token = keys >> 32, keys & 0xFFFFFFFF
        if dropout:
            keep = self._rng.random(len(token)) >= dropout
            owner, token, count = owner[keep], token[keep], count[keep]
        starts = np.searchsorted(owner, np.arange(len(rows)))
        weights = (1 + np.log(count)).astype(np.float32)
        return torch.from_numpy(token), torch.from_numpy(starts), torch.from_numpy(weights)

    def batches(self, rows: npt.NDArray[np.int64], settings: Settings) -> Iterator[npt.NDArray[np.int64]]:
        """Batches for ever: groups of functions of one project, shuffled anew each time round."""
        projects = [rows[self.project[rows] == number] for number in np.unique(self.project[rows])]
        while True:
            groups = []
            for members in projects:
                shuffled = self._rng.permutation(members)
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
    data: Path, start: npt.NDArray[np.float32], settings: Settings
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], dict[str, object]]:
    """Returns (vectors (vocabulary, dims), query factors (vocabulary,), figures of the run)."""
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    corpus = Corpus(data, rng)
    watched = held_out(corpus)
    training = np.flatnonzero(~np.isin(corpus.project, watched))
    asked = corpus.batches(training[corpus.has[training]], settings)
    named = corpus.batches(training, settings)
    table = Table(start, settings.start_scale)
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
        if rng.random() < settings.name_batches:
            rows, query, document = next(named), ("name",), ("masked",)
        else:
            rows = next(asked)
            query = ("doc",) if rng.random() < settings.doc_queries else ("sentence",)
            document = ("masked",) if rng.random() < settings.masked_documents else ("code",)
            if document == ("code",) and rng.random() < settings.header_documents:
                document = ("header", "code")
        queries = table(corpus.bag(query, rows, settings.query_dropout), True)
        documents = table(corpus.bag(document, rows, settings.token_dropout), False)
        scores = queries @ documents.T * torch.exp(table.temperature).clamp(max=100)
        right = torch.arange(len(rows))
        loss = (
            torch.nn.functional.cross_entropy(scores, right) + torch.nn.functional.cross_entropy(scores.T, right)
        ) / 2
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
