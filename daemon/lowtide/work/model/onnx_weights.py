"""How many bytes the weights of an ONNX graph take once they are loaded: read from the file, without a runtime.

A quantised weight that the graph casts or dequantises before use is held as float32 by the runtime, which folds what is
constant: four times its bytes in the file, or more. So a file's size says little; its tensors' shapes, and who takes
them, do. Only the few protobuf fields needed are read, and tensor data is passed over.

Invariant: standard library only; the file is mapped, and whatever it holds ends in a number or in `ValueError`.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from lowtide.work.model.protobuf import Span, fields, node, packed

# Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME = 1, 2, 8

_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""By TensorProto.DataType: float, uint8, int8, uint16, int16, int32, int64, bool, float16, double, uint32, uint64,
bfloat16."""
_FLOAT_BYTES = 4
_WIDENING = frozenset({b"Cast", b"DequantizeLinear"})
_MOST_ELEMENTS = 1 << 40


def loaded_bytes(onnx: Path) -> int:
    """Bytes of all weights as the runtime holds them. ValueError for a file that is no ONNX graph, OSError unread."""
    with onnx.open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise ValueError("the file is empty") from None
        with mapped as data:
            graphs = [span for number, span in fields(data, (0, len(data))) if number == _MODEL_GRAPH]
            if len(graphs) != 1 or not isinstance(graphs[0], tuple):
                raise ValueError("there is no graph in it")
            return _graph_bytes(data, graphs[0])


def _graph_bytes(data: mmap.mmap, graph: Span) -> int:
    tensors: dict[bytes, tuple[int, int]] = {}
    widened: set[bytes] = set()
    for number, value in fields(data, graph):
        if not isinstance(value, tuple):
            continue
        if number == _GRAPH_INITIALIZER:
            name, elements, kind = _tensor(data, value)
            tensors[name] = elements, _ITEM_BYTES.get(kind, 1)
        elif number == _GRAPH_NODE:
            operation, inputs = node(data, value)
            if operation in _WIDENING:
                widened.update(inputs)
    return sum(
        elements * (max(size, _FLOAT_BYTES) if name in widened else size) for name, (elements, size) in tensors.items()
    )


def _tensor(data: mmap.mmap, span: Span) -> tuple[bytes, int, int]:
    """(name, elements, data type) of a TensorProto, wherever its data lies."""
    name, elements, kind = b"", 1, 0
    for number, value in fields(data, span):
        if number == _TENSOR_DIMS:
            # One number a field, or all of them packed in one.
            for size in packed(data, value) if isinstance(value, tuple) else [value]:
                elements *= size
                if elements > _MOST_ELEMENTS:
                    raise ValueError("a tensor is larger than can be")
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NAME and isinstance(value, tuple):
            name = data[value[0] : value[1]]
    return name, elements, kind
