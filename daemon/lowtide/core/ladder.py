"""The ladder: the named steps by which work degrades as memory runs short, and when to climb back.

Invariant: pure; each step taken is recorded with its reason and the time it was told.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Step(IntEnum):
    """From full service to none; a higher number uses less memory."""

    FULL = 0
    SMALLER_BATCHES = 1
    ONE_WORKER = 2
    LEXICAL_ONLY = 3
    PAUSED = 4

    @property
    def label(self) -> str:
        """The name in status, JSON and messages: `smaller-batches`."""
        return self.name.lower().replace("_", "-")


class StepTaken(msgspec.Struct, frozen=True):
    """One move on the ladder."""

    step: Step
    reason: str
    at_s: float


class Footing(msgspec.Struct, frozen=True):
    """What the ladder allows at a step."""

    worker_count: int
    batch_size: int
    batch_bytes: int
    embed: bool


CALM_S = 10.0
"""How long there must be room before one step up is tried."""

FULL_BATCH_SIZE = 64
SMALL_BATCH_SIZE = 16
FULL_BATCH_BYTES = 256 << 10
SMALL_BATCH_BYTES = 64 << 10


class Ladder:
    """Where the work stands, and how it came there."""

    def __init__(self, worker_count: int) -> None:
        self._worker_count = max(1, worker_count)
        self._floor = Step.FULL
        self._floor_reason = ""
        self._last_move_s = float("-inf")
        self.step = Step.FULL
        self.reason = ""
        self.history: list[StepTaken] = []

    def since(self, began_s: float) -> list[StepTaken]:
        """The steps taken from then on, and the one before that holds all the while, when it is not full service."""
        taken = [step for step in self.history if step.at_s >= began_s]
        before = [step for step in self.history if step.at_s < began_s][-1:]
        return [step for step in before if step.step > Step.FULL] + taken

    @property
    def floor(self) -> Step:
        """The step that the budget itself imposes; the work never climbs above it."""
        return self._floor

    @property
    def is_short(self) -> bool:
        """Whether less is done than the budget allows, or what was asked for cannot be had under it: worth a warning.

        A small budget that was chosen is obeyed, and no reason to warn of.
        """
        return self.step > self._floor or self.step >= Step.LEXICAL_ONLY

    def footing(self) -> Footing:
        """Workers, batch sizes and whether to embed, at the present step."""
        small = self.step >= Step.SMALLER_BATCHES
        return Footing(
            worker_count=1 if self.step >= Step.ONE_WORKER else self._worker_count,
            batch_size=SMALL_BATCH_SIZE if small else FULL_BATCH_SIZE,
            batch_bytes=SMALL_BATCH_BYTES if small else FULL_BATCH_BYTES,
            embed=self.step < Step.LEXICAL_ONLY,
        )

    def set_floor(self, step: Step, reason: str, now_s: float) -> None:
        """The budget allows no more than `step`: go there, and do not climb above it until it is set anew.

        Where the old floor was all that held the work down, it climbs to the new one at once.
        """
        held = self.step == self._floor > step
        self._floor, self._floor_reason = step, reason
        if step > self.step or held:
            self._move(step, reason, now_s)

    def unpause(self, now_s: float) -> None:
        """From the last step to the floor at once."""
        if self.step is Step.PAUSED:
            self._move(self._floor, self._floor_reason, now_s)

    def down(self, reason: str, now_s: float) -> bool:
        """One step down, at most to lexical-only; False when there is none left."""
        if self.step >= Step.LEXICAL_ONLY:
            return False
        self._move(Step(self.step + 1), reason, now_s)
        return True

    def pause(self, reason: str, now_s: float) -> None:
        """To the last step at once."""
        if self.step != Step.PAUSED:
            self._move(Step.PAUSED, reason, now_s)

    def climb(self, room: bool, now_s: float) -> bool:
        """One step up when there has been room since CALM_S; call it now and then. True when a step was taken."""
        if not room:
            self._last_move_s = now_s
            return False
        if self.step <= self._floor or now_s - self._last_move_s < CALM_S:
            return False
        self._move(Step(self.step - 1), "there is room again", now_s)
        return True

    def _move(self, step: Step, reason: str, now_s: float) -> None:
        self.step = step
        self.reason = reason if step > Step.FULL else ""
        self._last_move_s = now_s
        self.history.append(StepTaken(step, reason, now_s))
        del self.history[:-100]
