"""ReLUs with a ceiling, as every version writes them."""

import numpy as np
import pytest

from gen.formats.onnx_activations import read_ceiling
from tests.gen.formats.single_nodes import node, nodes, refusal
from tests.gen.onnx_models import OnnxBuilder


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0, 6, 6.0), (0, None, None), (0, np.inf, None), (0, np.finfo(np.float32).max, None),
])  # fmt: skip
@pytest.mark.parametrize("opset", [6, 11])
def test_ceilings(opset: int, low, high, expected):
    net = OnnxBuilder(opset)
    given = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    if opset < 11:
        made = node("Clip", **{key: float(value) for key, value in given.items()})
    else:
        made = node("Clip", ("x", *given))
        for key, value in given.items():
            net.constant(key, np.array(value, np.float32))
    net.nodes.append(made)
    found = nodes(net)
    assert read_ceiling(found, found.layers[0]) == expected


@pytest.mark.parametrize(
    "limits", [{"min": -1.0, "max": 1.0}, {"max": 6.0}, {"min": 0.0, "max": 0.0}]
)
def test_other_clips_are_refused(limits):
    net = OnnxBuilder(6)
    net.nodes.append(node("Clip", **limits))
    found = nodes(net)
    message = refusal(read_ceiling, found, found.layers[0])
    assert message.endswith("Clip(0, c) with c above 0 is supported")
