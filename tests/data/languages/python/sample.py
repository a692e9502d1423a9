#!/usr/bin/env python3
"""Water levels of a harbour, measured and predicted."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar, overload

T = TypeVar("T")
GRAVITY = 9.81
default_station: str = "Årø"
low, high = 0.0, 3.5
type Series[V] = list[tuple[float, V]]

if low < high:
    RANGE = high - low

    def span() -> float:
        return RANGE
else:
    RANGE = 0.0

try:
    import numpy as np
except ImportError:
    np = None


class Tide(enum.Enum):
    """The phases of a tide.

    A second paragraph that is not part of the summary.
    """

    LOW = "low"
    HIGH = "high"
    slack = "slack"

    @property
    def label(self) -> str:
        '''How people call it.'''
        return self.value.title()


class Reading(NamedTuple):
    station: str
    level: float = 0.0


@dataclass(frozen=True, slots=True)
class Gauge(Generic[T]):
    """A gauge at one station."""

    station: str
    readings: list[T] = field(default_factory=list)
    _cache = {}

    class Error(Exception):
        """Raised for a reading out of range."""

        code = 7

    def __init__(self, station: str) -> None:
        self.station = station

    @overload
    def level(self, at: int) -> float: ...
    @overload
    def level(self, at: None = None) -> list[float]: ...

    # Without an instant, all of them.
    def level(self, at=None):
        local = 1

        def nearest(
            instant: float,
            *,
            tolerance: float = 0.5,
        ) -> float:
            """The nearest level."""
            return instant + tolerance

        class Window:
            width = 3

            def shift(self): ...

        return nearest(local) if at is None else Window()

    @staticmethod
    @asyncio.coroutine
    def _decorated_twice(
        first, second
    ):  # a comment before the body
        yield first

    async def stream(self) -> Iterator[T]:
        r"""Stream \readings as they come."""
        for reading in self.readings:
            yield reading

    def größe(self): return len(self.readings)

    short = lambda self: self.station


# A factory:
# it builds gauges.
def make_gauge(factory: Callable[..., Gauge[int]] = Gauge) -> Gauge[int]:
    return factory(default_station)


async def main() -> None:
    match make_gauge():
        case Gauge(station="x"):
            pass

        case _:
            def fallback(): "One line."


if __name__ == "__main__":
    asyncio.run(main())
