"""What has a `close`, as the subject of a `with`.

Invariant: it imports next to nothing: every command and every shim begins with a class that is one.
"""

from __future__ import annotations

from typing import Self


class Closing:
    """A class with a `close`, which is called when the block ends, however it does."""

    __slots__ = ()

    def close(self) -> None:
        """Let go of what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
