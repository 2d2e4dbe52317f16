"""ONNX files that tests make for themselves: real graphs for the real library, a few hundred octets each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper


def node(kind: str, inputs: str, outputs: str, **attributes: object) -> NodeProto:
    """Names separated by blanks."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def value(name: str, kind: int, shape: Sequence[int | str | None] | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def constants(**values: object) -> list[TensorProto]:
    return [numpy_helper.from_array(np.asarray(one), name) for name, one in values.items()]


def save(
    file: Path,
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    given: Sequence[TensorProto],
    **metadata: object,
) -> Path:
    graph = helper.make_graph(nodes, file.stem, inputs, outputs, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: str(one) for key, one in metadata.items()})
    onnx.save(model, str(file))
    return file
