"""ONNX nodes and graphs of a few of them, for tests of what reads these one by one."""

from typing import Any

import onnx
import pytest
from onnx import helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_nodes import Nodes
from tests.gen.onnx_models import HEIGHT, WIDTH, OnnxBuilder


def refusal(function, *arguments) -> str:
    with pytest.raises(FirebrickError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def node(kind: str, inputs: Any = ("x",), name: Any = "it", **values: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], name, **values)


def nodes(net: OnnxBuilder, shape=(1, 3, HEIGHT, WIDTH)) -> Nodes:
    return Nodes(net.model(net.nodes[-1].output[0] if net.nodes else "y", shape=shape))
