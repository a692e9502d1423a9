"""What a graph's weights will take, read from the file alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.work.model.model_folder import default_model
from lowtide.work.model.onnx_weights import loaded_bytes

TRANSFORMER = Path(__file__).parent.parent / "data" / "models" / "transformer" / "model.onnx"


def message(number: int, content: bytes | int) -> bytes:
    """One protobuf field: a number, or bytes with their length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def tensor(name: bytes, kind: int, *dims: int, data: bytes = b"") -> bytes:
    return message(
        5, b"".join(message(1, size) for size in dims) + message(2, kind) + message(8, name) + message(9, data)
    )


def node(operation: bytes, *inputs: bytes) -> bytes:
    return message(1, b"".join(message(1, name) for name in inputs) + message(4, operation))


def graph(tmp_path: Path, *parts: bytes) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(message(1, 8) + message(7, b"".join(parts)))
    return file


def test_weights_are_counted_by_their_type_and_use(tmp_path: Path) -> None:
    parts = [
        tensor(b"kept", 3, 10, 100, data=bytes(1000)),
        tensor(b"cast", 3, 10, 100, data=bytes(1000)),
        tensor(b"quantised", 2, 50),
        tensor(b"plain", 1, 7, 11),
        tensor(b"half", 10, 4),
        node(b"Cast", b"cast"),
        node(b"DequantizeLinear", b"quantised", b"scale"),
        node(b"Gather", b"kept", b"cast"),
    ]
    assert loaded_bytes(graph(tmp_path, *parts)) == 1000 + 4 * 1000 + 4 * 50 + 4 * 77 + 2 * 4


def test_shapes_count_wherever_the_data_lies(tmp_path: Path) -> None:
    packed = message(5, message(1, varint(300) + varint(200)) + message(2, 1) + message(8, b"outside"))
    assert loaded_bytes(graph(tmp_path, packed)) == 4 * 300 * 200
    table = (default_model() / "model.onnx_data").stat().st_size
    assert loaded_bytes(default_model() / "model.onnx") == pytest.approx(table, rel=0.01)


def test_a_real_graph_is_read() -> None:
    assert 0 < loaded_bytes(TRANSFORMER) < TRANSFORMER.stat().st_size


@pytest.mark.skipif("LOWTIDE_TEST_MINILM" not in os.environ, reason="LOWTIDE_TEST_MINILM names no MiniLM folder")
def test_the_weights_of_minilm_are_those_of_its_float32_self() -> None:
    assert loaded_bytes(Path(os.environ["LOWTIDE_TEST_MINILM"]) / "model.onnx") == pytest.approx(22.6e6 * 4, rel=0.01)


@pytest.mark.parametrize("content", [b"", b"no graph at all", bytes(100), message(1, 8), b"\xff" * 40])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ValueError):
        loaded_bytes(tmp_path / "model.onnx")


@given(st.data())
def test_damage_ends_in_a_number_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(TRANSFORMER.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "damaged.onnx"
    file.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert loaded_bytes(file) >= 0
    except ValueError:
        pass
