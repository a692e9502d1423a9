"""What the kernel says of memory: anonymous bytes of processes, limits of the machine and of its cgroup, pressure.

Invariant: the only module that imports psutil and that sets operating-system limits on other processes.
Invariant: "used" means anonymous bytes (`rss - shared`, the kernel's RssAnon), never resident bytes.
Threads: any; a `KernelProbe` is shared by the event loop and the thread that guards the budget, under its own lock.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

_CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 128 << 10
_KEPT_BELOW_BYTES, _KEPT_OF_A_SIZE = 1024, 7  # by numpy: NBUCKETS and NCACHE of its alloc.cpp


class MemoryProbe(Protocol):
    """Reads the anonymous memory of a process; a seam, so that the budget can be tested without real memory."""

    def anonymous_bytes(self, pid: int) -> int | None:
        """Anonymous bytes of `pid`, or None when the process is gone. OSError when it cannot be looked at now."""
        ...


MOST_PROCESSES = 32
"""More than ever work at once; one that is looked at again after it was dropped is only opened anew."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM_BYTES = 256


class KernelProbe:
    """The real probe, one read of `/proc/PID/statm`. Of all the workers of weeks it remembers the newest.

    The file of a process is opened once and kept: whoever runs out of descriptors is still seen, and a number that the
    system has given to another process meanwhile is not mistaken for the first. Threads: any, one at a time by the
    lock.
    """

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._lock = threading.Lock()

    def __del__(self) -> None:
        for file in self._files.values():
            os.close(file)

    def anonymous_bytes(self, pid: int) -> int | None:
        pages = self.pages(pid)
        return None if pages is None else pages[0] - pages[1]

    def pages(self, pid: int) -> tuple[int, int] | None:
        """(resident bytes, those of them that files back), or None when the process is gone. OSError as above."""
        with self._lock:
            file = self._files.get(pid)
            try:
                if file is None:
                    self._drop_ended()
                    file = self._files[pid] = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
                return _read_statm(file)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                self._drop(pid)
                return None

    def _drop_ended(self) -> None:
        """Close what belongs to processes that are gone, and of the others the oldest when they are too many."""
        for pid, file in list(self._files.items()):
            try:
                _read_statm(file)
            except OSError:
                self._drop(pid)
        while len(self._files) >= MOST_PROCESSES:
            self._drop(next(iter(self._files)))

    def _drop(self, pid: int) -> None:
        file = self._files.pop(pid, None)
        if file is not None:
            os.close(file)


def _read_statm(file: int) -> tuple[int, int]:
    _, resident, shared, *_ = os.pread(file, _STATM_BYTES, 0).split()
    return int(resident) * _PAGE_BYTES, int(shared) * _PAGE_BYTES


_own = KernelProbe()


def own_anonymous_bytes() -> int:
    """Anonymous bytes of the calling process."""
    return _own.anonymous_bytes(os.getpid()) or 0


def own_mapped_bytes() -> int:
    """File-backed resident bytes of the calling process: given back whenever the machine needs them."""
    pages = _own.pages(os.getpid())
    return pages[1] if pages else 0


def own_resident_bytes() -> int:
    """What `top` shows of the calling process: anonymous and file-backed."""
    pages = _own.pages(os.getpid())
    return pages[0] if pages else 0


def machine_bytes() -> int:
    """The memory this process may use: the machine's, or its cgroup's limit when that is lower (v1 and v2)."""
    limits = [psutil.virtual_memory().total]
    limits += [limit for limit in map(_read_limit, _limit_files()) if limit]
    return int(min(limits))


def available_bytes() -> int:
    """Memory that could be taken now without swapping."""
    return int(psutil.virtual_memory().available)


def use_one_arena() -> None:
    """Have all threads of this process allocate from one arena (glibc), and large blocks from the system.

    Each thread's own arena keeps what it once held; and a large block from the heap, which is where they come from once
    one was freed, leaves a hole that small ones fill. Call it before threads are started.
    """
    import ctypes

    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)


@cache
def _mallinfo() -> Callable[[], Any] | None:
    """glibc's mallinfo2(3), from 2.33 on; None where there is none."""
    import ctypes

    class MallInfo(ctypes.Structure):
        _fields_ = tuple(
            (name, ctypes.c_size_t)
            for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        )

    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if ask is not None:
        ask.restype = MallInfo
    return ask


def free_in_allocator_bytes() -> int:
    """What the C allocator holds and nobody uses, also what of it is back with the system; 0 where it cannot say."""
    ask = _mallinfo()
    return int(ask().fordblks) if ask is not None else 0


def give_back() -> None:
    """Have the allocator (glibc's) return what it holds and does not use to the system.

    Garbage first: a cycle that waits for the collector keeps the buffers around it from being returned, and what is
    allocated next goes elsewhere. A millisecond, as what is loaded is frozen. Then the blocks that numpy keeps.
    """
    gc.collect()
    with suppress(AttributeError):  # another thread is still importing numpy
        _free_kept_blocks()
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _free_kept_blocks() -> None:
    """Have numpy free the small blocks that it keeps for its next arrays; 4 ms.

    It keeps up to 7 of each size below 1,024 bytes, 3.6 MB in all, and each holds a page of the heap that could be
    returned. No call of numpy's ends that. But an array that is resized takes its block along, and beyond that size it
    is freed.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    for size_bytes in range(1, _KEPT_BELOW_BYTES):
        for _ in range(_KEPT_OF_A_SIZE):
            numpy.empty(size_bytes, numpy.uint8).resize(2 * _KEPT_BELOW_BYTES, refcheck=False)


class Pressure(msgspec.Struct, frozen=True):
    """How short of memory the machine, or the cgroup around this process, is."""

    available_bytes: int
    total_bytes: int
    stalled_percent: float = 0.0
    """Share of the last ten seconds in which some process waited for memory (PSI)."""

    @property
    def is_short(self) -> bool:
        """Lowtide should take less."""
        return self._is_low or self.stalled_percent > 20.0

    @property
    def is_critical(self) -> bool:
        """Lowtide should take nothing."""
        return self.available_bytes < min(max(CRITICAL_BYTES[0], self.total_bytes // 50), CRITICAL_BYTES[1])

    @property
    def _is_low(self) -> bool:
        return self.available_bytes < min(max(SHORT_BYTES[0], self.total_bytes // 20), SHORT_BYTES[1])

    @property
    def text(self) -> str:
        """The reason, for people."""
        if self._is_low:
            return f"the machine has {self.available_bytes >> 20} MiB of memory left"
        return f"the machine waits for memory {self.stalled_percent:.0f} % of the time"


SHORT_BYTES = (192 << 20, 1 << 30)
"""A twentieth of the machine, within these bounds, should be left to others."""
CRITICAL_BYTES = (64 << 20, 256 << 20)
"""A fiftieth, within these."""


def read_pressure() -> Pressure:
    """The machine's memory now. A cgroup's own limit is not pressure: the budget is what keeps Lowtide below it."""
    machine = psutil.virtual_memory()
    stalled = 0.0
    with suppress(OSError, ValueError, IndexError):
        line = Path("/proc/pressure/memory").read_text().splitlines()[0]
        stalled = float(line.split("avg10=")[1].split()[0])
    return Pressure(int(machine.available), int(machine.total), stalled)


def yield_disk(pid: int) -> None:
    """Let everybody else read and write before this process: the last level of best effort."""
    with suppress(psutil.Error, OSError, AttributeError, ValueError):
        psutil.Process(pid).ionice(psutil.IOPRIO_CLASS_BE, 7)


def on_battery() -> bool:
    """Whether the machine runs on its battery; False where there is none."""
    sensors = getattr(psutil, "sensors_battery", None)
    state = sensors() if sensors is not None else None
    return state is not None and state.power_plugged is False


def cpu_count() -> int:
    """Cores that this process may run on."""
    return max(1, len(os.sched_getaffinity(0)))


def raise_descriptor_limit() -> int:
    """Let this process open as many files as its hard limit allows; returns how many that is.

    The soft limit, 1,024 nearly everywhere, is kept low for programs that use `select`. Workers inherit it.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def limit_data_bytes(pid: int, growth_bytes: int) -> bool:
    """Let `pid` grow its private writable memory by at most `growth_bytes` from now on; True when the limit stands.

    RLIMIT_DATA bounds brk and private writable mappings (Linux ≥ 4.7), so an allocation past it fails inside that
    process at once, whatever this process is doing. Only Linux can set it from outside.
    """
    import resource

    status = read_status_bytes(pid)
    if "VmData" not in status:
        return False
    wanted = status["VmData"] + growth_bytes
    with suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (wanted, resource.RLIM_INFINITY))
        return True
    return False


def read_status_bytes(pid: int) -> dict[str, int]:
    """The sizes in `/proc/PID/status`, in bytes; empty when the process is gone."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
        return {
            key: int(value.split()[0]) * 1024
            for key, _, value in (line.partition(":") for line in text.splitlines())
            if value.endswith("kB")
        }
    return {}


def _limit_files() -> list[Path]:
    files = [_CGROUP / "memory" / "memory.limit_in_bytes"]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            relative = path.lstrip("/")
            if controllers == "":
                folder = _CGROUP / relative
                while folder != _CGROUP.parent:
                    files.append(folder / "memory.max")
                    folder = folder.parent
            elif "memory" in controllers.split(","):
                files.append(_CGROUP / "memory" / relative / "memory.limit_in_bytes")
    return files


def _read_limit(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        value = int(path.read_text())
        return value if 0 < value < _NO_LIMIT else None
    return None
