"""The bags that training reads, and the batches that it is given.

Invariant: what a batch holds depends on the seed and on how many were taken before alone; `Batches.state` says all that
the ones to come depend on, so that an interrupted run goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Bag = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Rows = npt.NDArray[np.int64]
Counted = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Of each distinct token of some texts: its text's number, the token, how often it stands there."""

REST = "rest"
"""The column that is made here: what a doc comment says after its first sentence."""

_LEAST_GROUP = 24


class Corpus:
    """The bags that `model.pairs.encode` wrote."""

    def __init__(self, path: Path, rng: np.random.Generator) -> None:
        with np.load(path) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        self.project: npt.NDArray[np.int32] = self._arrays["project"]
        self.has: npt.NDArray[np.bool_] = self._arrays["has"]
        self.rng = rng

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
            keep = self.rng.random(len(token)) >= dropout
            if without:
                (asked, starts, _), chosen = without
                counts_asked = np.diff(np.append(starts.numpy(), len(asked)))
                shared = np.repeat(np.arange(len(rows)), counts_asked) << 32 | asked.numpy()
                hit = np.isin(owner << 32 | token, shared) & chosen[owner]
                keep &= ~(hit & (self.rng.random(len(token)) < 0.5))
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


class Batches:
    """Batches for ever: groups of functions of one project, shuffled anew each time round."""

    def __init__(
        self,
        corpus: Corpus,
        rows: Rows,
        batch: int,
        group: int,
        near: float,
        vectors_of: Callable[[Rows], npt.NDArray[np.float32]],
    ) -> None:
        """`near`: the share of the rounds in which a large project's groups are of functions near each other, by
        `vectors_of`."""
        self._rng = corpus.rng
        self._projects = [rows[corpus.project[rows] == number] for number in np.unique(corpus.project[rows])]
        self._batch, self._group, self._near = batch, group, near
        self._vectors_of = vectors_of
        self._pending: list[Rows] = []

    def take(self) -> Rows:
        """The next batch: at least `batch` functions."""
        taken: list[Rows] = []
        while sum(map(len, taken)) < self._batch:
            if not self._pending:
                taken = []  # what is left of a round is too little
                self._pending = self._round()
            taken.append(self._pending.pop())
        return np.concatenate(taken)

    def state(self) -> dict[str, Any]:
        """What is left of this round."""
        flat = np.concatenate([*self._pending, np.zeros(0, np.int64)])
        return {"rows": torch.from_numpy(flat), "lengths": [len(group) for group in self._pending]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        ends = np.cumsum(state["lengths"])[:-1]
        self._pending = np.split(state["rows"].numpy(), ends) if state["lengths"] else []

    def _round(self) -> list[Rows]:
        groups: list[Rows] = []
        for members in self._projects:
            shuffled = self._rng.permutation(members)
            if len(members) > self._group and self._rng.random() < self._near:
                shuffled = self._by_nearness(shuffled)
            groups += [shuffled[start : start + self._group] for start in range(0, len(shuffled), self._group)]
        order = [groups[place] for place in self._rng.permutation(len(groups)) if len(groups[place]) >= _LEAST_GROUP]
        if sum(map(len, order)) < self._batch:
            raise ValueError(f"fewer functions than a batch of {self._batch}")
        return order[::-1]

    def _by_nearness(self, rows: Rows) -> Rows:
        """`rows` such that near ones follow each other: by their parts of space, cut by random planes through it."""
        vectors = self._vectors_of(rows)
        vectors = vectors - vectors.mean(0)
        parts = max(1, int(np.log2(len(rows) / 256)))
        planes = self._rng.normal(size=(vectors.shape[1], parts)).astype(np.float32)
        sides = vectors @ planes
        cell = ((sides > np.median(sides, axis=0)) << np.arange(parts)).sum(1)
        return rows[np.argsort(cell, kind="stable")]
