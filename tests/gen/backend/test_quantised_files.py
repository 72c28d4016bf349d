"""From files of other quantisers to the simulated accelerator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gen.formats.onnx_qdq import import_qdq
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Add, AveragePool
from gen.ir.preprocessing import PRESETS
from tests.designs import Design
from tests.gen.backend.test_assemble import small_board
from tests.gen.formats.statically import quantised
from tests.gen.onnx_models import OnnxBuilder
from tests.harness import StreamBench

IMAGENET = PRESETS["imagenet"]


def asymmetric(folder: Path) -> QuantizedNetwork:
    """QOperator codes with zero points everywhere: padding, a sum, averages and the end."""
    net = OnnxBuilder()
    x = net.conv("data", "conv1", 3, 6, 3, stride=2, pad=1)
    y = net.conv(x, "conv2", 6, 6, 3, pad=1)
    x = net.node("Add", [x, y], "sum")
    x = net.node("AveragePool", [x], "mean", kernel_shape=[2, 2], strides=[2, 2])
    x = net.conv(x, "conv10", 6, 5)
    model = net.model(net.node("GlobalAveragePool", [x], "end"), shape=(1, 3, 12, 12))
    made = quantised(model, folder, form="qoperator", normalisation=IMAGENET, per_channel=False)
    return import_qdq(made, "asymmetric")


def narrow(folder: Path) -> QuantizedNetwork:
    """Weights of 4 bits, and of some channels' own zero points in 4 bits."""
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 6, 3, stride=2), "conv1")
    x = net.relu(net.conv(x, "conv2", 6, 8, 3), "conv2")
    x = net.relu(net.conv(x, "conv10", 8, 5), "conv10")
    model = net.model(net.node("GlobalAveragePool", [x], "end"), shape=(1, 3, 12, 12))
    made = quantised(model, folder, weights="QInt4", normalisation=IMAGENET)
    _shift(made, "conv2.weight_quantized")
    return import_qdq(made, "narrow")


def _shift(model: onnx.ModelProto, name: str) -> None:
    """Let weights be UINT4 codes of 0 to 15 from a zero point of 5."""
    for tensor in model.graph.initializer:
        if tensor.name in (name, name.replace("quantized", "zero_point")):
            steps = numpy_helper.to_array(tensor).astype(int)
            codes = np.clip(steps * 2 + 5, 0, 15) if steps.ndim == 4 else steps + 5
            dims = tensor.dims
            kind = TensorProto.UINT4
            tensor.CopyFrom(helper.make_tensor(tensor.name, kind, dims, codes.reshape(-1)))


@pytest.mark.parametrize("build", [asymmetric, narrow])
def test_every_tensor_is_as_told(build, tmp_path):
    network = build(tmp_path)
    made = Design.of(network, small_board(dsp=100), 2000, 3)
    inner = made.inner()
    bench = StreamBench(made.hardware, "accelerator", tmp_path, monitored=inner)
    made.run(bench, inner, stalls=0.4, seed=1)
    made.run(bench, {})


def test_the_asymmetric_one_has_all_offsets(tmp_path):
    network = asymmetric(tmp_path)
    assert [bool(t.zero) for t in network.tensors.values()] == [False, *[True] * 6]
    offsets = [op.offset for op in network.ops if isinstance(op, Add | AveragePool)]
    assert all(offsets)
    assert network.convs[1].pad_code == (network.tensors["conv1_quant"].zero,) * 6


def test_narrow_weights_are_stored_in_4_bits(tmp_path):
    network = narrow(tmp_path)
    assert network.weight_bit_count == 4 * network.weight_count
    assert [op.weight_bits for op in network.convs] == [4, 5, 4]
    made = Design.of(network, small_board(dsp=100), 2000, 1)
    foldings = [made.graph.nodes[op.name].folding(made.plan.nodes[op.name]) for op in network.convs]
    assert [folding.bits for folding in foldings if folding] == ["4", "4>5", "4"]
