"""Protocol buffers, as far as an ONNX file needs them: the fields of a message, one after the other.

Invariant: standard library only; whatever the bytes are, reading them ends in values or in `ValueError`.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NODE_INPUT, _NODE_OP = 1, 4

Span = tuple[int, int]
"""Where a field's bytes begin and end."""


def packed(data: mmap.mmap, span: Span) -> Iterator[int]:
    """The numbers of a packed repeated field."""
    at, end = span
    while at < end:
        value, at = _varint(data, at, end)
        yield value


def fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, int | Span]]:
    """(field number, number or span of bytes) of the message in `span`."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        value: int | Span
        if wire == _VARINT:
            value, at = _varint(data, at, end)
        else:
            if wire == _BYTES:
                length, at = _varint(data, at, end)
            elif wire in (_FIXED64, _FIXED32):
                length = 8 if wire == _FIXED64 else 4
            else:
                raise ValueError("it is no protobuf message")
            value = (at, at + length)
            at += length
        if not number or at > end:
            raise ValueError("it is no protobuf message, or cut short")
        yield number, value


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is no protobuf message, or cut short")


def node(data: mmap.mmap, span: Span) -> tuple[bytes, tuple[bytes, ...]]:
    """The operation of a NodeProto of onnx.proto, and the names of what it takes. ValueError as `fields`."""
    operation, inputs = b"", []
    for number, value in fields(data, span):
        if isinstance(value, tuple) and number == _NODE_INPUT:
            inputs.append(data[value[0] : value[1]])
        elif isinstance(value, tuple) and number == _NODE_OP:
            operation = data[value[0] : value[1]]
    return operation, tuple(inputs)
