from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lowtide.errors import CorruptIndex, StoreError
from lowtide.store import segment_file
from lowtide.store.durable import TEMPORARY_SUFFIX
from lowtide.store.rows import Segment
from lowtide.store.segment_file import ALIGNMENT_BYTES, SegmentFile, SegmentKind, SegmentWriter


def write(path: Path, kind: SegmentKind = SegmentKind.NAMES) -> Segment:
    with SegmentWriter(path, kind, dims=3) as writer:
        writer.section("first", np.arange(1000, dtype="<i8"))
        writer.begin("second")
        writer.write(b"abc")
        writer.write(b"defg")
        writer.section("empty", b"")
        return writer.finish(count=1000, first_id=5, last_id=2000)


def test_written_sections_are_read_back(tmp_path: Path) -> None:
    facts = write(tmp_path / "a.seg")
    file = SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES, facts)
    assert file.facts == facts
    assert file.dims == 3
    assert (file.array("first", "<i8", (1000,)) == np.arange(1000)).all()
    assert file.array("second", "S1", (7,)).tobytes() == b"abcdefg"
    assert file.array("empty", np.uint8, (0,)).size == 0
    assert not file.has("third")


def test_facts_are_those_of_the_file(tmp_path: Path) -> None:
    facts = write(tmp_path / "a.seg")
    assert facts.size_bytes == (tmp_path / "a.seg").stat().st_size
    assert (facts.name, facts.kind, facts.first_id, facts.last_id, facts.count) == ("a.seg", "names", 5, 2000, 1000)
    assert os.listdir(tmp_path) == ["a.seg"]
    assert (tmp_path / "a.seg").stat().st_mode & 0o777 == 0o600


def test_sections_are_aligned(tmp_path: Path) -> None:
    write(tmp_path / "a.seg")
    file = SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES)
    for name, size in (("first", 1000), ("second", 7)):
        array = file.array(name, "<i8" if name == "first" else np.uint8, (size,))
        assert array.ctypes.data % ALIGNMENT_BYTES == 0


def test_arrays_stay_valid_without_the_file_and_are_read_only(tmp_path: Path) -> None:
    write(tmp_path / "a.seg")
    file = SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES)
    array = file.array("first", "<i8", (1000,))
    file.release()
    (tmp_path / "a.seg").unlink()
    del file
    assert array.sum() == 499_500
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def flip(at: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[at] ^= 0x10

    return damage


def cut(length: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        del data[length:]

    return damage


def zero(start: int, end: int | None) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[start:end] = bytes(len(data[start:end]))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        *(flip(at) for at in (0, 8, 12, 16, 20, 24, 32, 40, 50, 250, 383, 384, 4000, -25, -24, -16, -10, -5)),
        *(cut(length) for length in (0, 1, 100, 384, 407, 408, 4000, -1)),
        zero(4096, 8192),
        zero(-4096, None),
        zero(0, None),
        lambda data: data.extend(b"more"),
        lambda data: data.__setitem__(slice(300, 400), os.urandom(100)),
    ],
)
def test_any_damage_is_found_before_use(tmp_path: Path, damage: Callable[[bytearray], None]) -> None:
    path = tmp_path / "a.seg"
    write(path)
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    with pytest.raises(CorruptIndex) as caught:
        SegmentFile(path, SegmentKind.NAMES)
    assert "lowtide index" in caught.value.remedy


def test_other_format_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.seg"
    write(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 8, segment_file.FORMAT_VERSION + 1)
    struct.pack_into("<I", data, len(data) - 8, zlib.crc32(data[:384], zlib.crc32(data[384:-24])))
    path.write_bytes(data)
    with pytest.raises(CorruptIndex, match="version 2"):
        SegmentFile(path, SegmentKind.NAMES)


def test_other_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.seg", SegmentKind.FLAT)
    with pytest.raises(CorruptIndex, match="not a names segment"):
        SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES)


def test_sound_file_that_is_not_the_one_of_the_manifest_is_refused(tmp_path: Path) -> None:
    meant = write(tmp_path / "a.seg")
    with SegmentWriter(tmp_path / "b.seg", SegmentKind.NAMES) as writer:
        writer.finish(1, 1, 1)
    with pytest.raises(CorruptIndex, match="manifest"):
        SegmentFile(tmp_path / "b.seg", SegmentKind.NAMES, meant)


def test_missing_file_and_folder_are_misses(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("absent", "folder"):
        with pytest.raises(CorruptIndex):
            SegmentFile(tmp_path / name, SegmentKind.NAMES)


def test_section_of_unexpected_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.seg")
    file = SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES)
    for name, count in (("first", 999), ("first", 1001), ("absent", 0)):
        with pytest.raises(CorruptIndex):
            file.array(name, "<i8", (count,))


def test_abandoned_write_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with SegmentWriter(tmp_path / "a.seg", SegmentKind.FLAT) as writer:
            writer.section("first", b"123")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with SegmentWriter(tmp_path / "b.seg", SegmentKind.FLAT) as writer:
        writer.section("first", b"123")
    assert os.listdir(tmp_path) == []


def test_name_is_never_used_twice(tmp_path: Path) -> None:
    facts = write(tmp_path / "a.seg")
    with pytest.raises(StoreError):
        SegmentWriter(tmp_path / "a.seg", SegmentKind.FLAT)
    assert SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES, facts).facts == facts


def test_killed_writer_leaves_only_a_temporary(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from lowtide.store.segment_file import SegmentKind, SegmentWriter;"
        "w = SegmentWriter(Path(sys.argv[1]), SegmentKind.FLAT); w.section('a', bytes(100000));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.seg")])
    assert done.returncode == -signal.SIGKILL
    assert [name.endswith(TEMPORARY_SUFFIX) for name in os.listdir(tmp_path)] == [True]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "writable"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "writable"),
        (errno.EIO, "disk"),
    ],
)
def test_failing_disk_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    real = os.write
    left = [3]

    def failing(fd: int, data: memoryview) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return real(fd, data[:5000])

    monkeypatch.setattr(os, "write", failing)
    with pytest.raises(StoreError) as caught:
        write(tmp_path / "a.seg")
    assert words in caught.value.remedy
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_writes_in_small_pieces_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:1000]))
    facts = write(tmp_path / "a.seg")
    assert SegmentFile(tmp_path / "a.seg", SegmentKind.NAMES, facts).facts.count == 1000


def test_lost_bytes_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (real(fd, data[:100]), len(data))[1])
    with pytest.raises(StoreError):
        write(tmp_path / "a.seg")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_file_size_limit_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from lowtide.errors import StoreError;"
        "from lowtide.store.segment_file import SegmentKind, SegmentWriter;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));\n"
        "try:\n"
        " with SegmentWriter(Path(sys.argv[1]), SegmentKind.FLAT) as w: w.section('a', bytes(1000000)); w.finish(1, "
        "1, 1)\n"
        "except StoreError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.seg")], capture_output=True, text=True, check=True
    )
    assert "ulimit" in done.stdout
    assert os.listdir(tmp_path) == []
