"""Every problem that the check of a quantised network names, in a network wrong in just that."""

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.ir.check import check
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, Concat, Conv, GlobalSum, MaxPool
from tests.gen.squeezenets import cifar
from tests.networks import (
    NetworkBuilder,
    conv_network,
    fire_network,
    measured_activations,
    tiny_network,
    with_op,
)

Edit = Callable[[QuantizedNetwork], QuantizedNetwork]

PLAIN = tiny_network(2)
CODED = tiny_network(2, weight_bits=5, code_bits=3)


def op(name: str, /, **changes: Any) -> Edit:
    """Change fields of one op."""
    return lambda network: with_op(network, name, **changes)


def tensor(name: str, /, **changes: Any) -> Edit:
    """Change fields of one tensor."""
    return lambda network: with_tensor(network, name, **changes)


def with_tensor(network: QuantizedNetwork, name: str, /, **changes: Any) -> QuantizedNetwork:
    changed = replace(network.tensors[name], **changes)
    return replace(network, tensors={**network.tensors, name: changed})


def whole(**changes: Any) -> Edit:
    """Change fields of the network."""
    return lambda network: replace(network, **changes)


def preprocessing(**changes: Any) -> Edit:
    return lambda network: replace(network, preprocessing=replace(network.preprocessing, **changes))


def without_tensor(name: str) -> Edit:
    return lambda network: replace(
        network, tensors={key: value for key, value in network.tensors.items() if key != name}
    )


def reordered(*order: int) -> Edit:
    return lambda network: replace(network, ops=tuple(network.ops[index] for index in order))


def refusal(network: QuantizedNetwork) -> str:
    """What the check says, without the network's name."""
    with pytest.raises(FirebrickError) as caught:
        check(network)
    beginning, _, problem = str(caught.value).partition(": ")
    assert beginning == f"network {network.name!r}"
    return problem


def convolution(network: QuantizedNetwork, name: str) -> Conv:
    found = network.op(name)
    assert isinstance(found, Conv)
    return found


@pytest.mark.parametrize("network", [
    PLAIN, CODED, cifar(2), fire_network(signed_squeeze=True), conv_network(pad=(0, 1, 2, 0)),
], ids=["plain", "coded", "cifar", "signed squeeze", "lopsided padding"])  # fmt: skip
def test_valid_networks_pass(network: QuantizedNetwork):
    check(network)


def test_the_networks_here_have_ops_of_all_kinds():
    for network in (PLAIN, CODED):
        assert {type(op) for op in network.ops} == {Conv, MaxPool, Concat, Add, GlobalSum}
    assert convolution(CODED, "fire2/squeeze").codebook is not None


@pytest.mark.parametrize("edit", [
    op("conv1", shift=1), op("conv1", shift=47), op("fire3/add", shift=1),
    op("fire3/add", shift=47), op("conv1", low=255), op("conv1", high=0),
    op("conv10", low=-128, high=127), op("fire3/add", multiplier=(0, 65535)),
    op("conv1", pad_code=(0, 255, 7)),
    tensor("sums", bits=64), tensor("input", scale=5), tensor("input", scale=1e-300),
    preprocessing(resize=1), whole(source={}), op("conv1", shift=np.int64(9)),
])  # fmt: skip
def test_the_ends_of_every_range_pass(edit: Edit):
    check(edit(PLAIN))


def test_sums_that_just_fit_pass():
    assert PLAIN.tensors["conv10"].shape == (3, 2, 5)  # six codes of -128 to 127
    check(with_tensor(PLAIN, "sums", bits=11))
    assert "do not fit codes of -512..511" in refusal(with_tensor(PLAIN, "sums", bits=10))
    # A sum of unsigned codes needs no sign, and one of signed codes does.
    unsigned = conv_network(shape=(2, 2, 3), kernel=1)
    check(with_tensor(unsigned, "sums", bits=10, signed=False))
    assert "sums of 4 pixels" in refusal(with_tensor(unsigned, "sums", bits=9, signed=False))
    one = conv_network(shape=(1, 1, 3), kernel=1)
    check(with_tensor(one, "sums", bits=8, signed=False))
    assert "sums of 1 pixels" in refusal(with_tensor(one, "sums", bits=8))
    # Only the lowest of these sums, -128 * 129, does not fit; the highest, 127 * 129, just does.
    many = conv_network(shape=(3, 43, 3), kernel=1, signed=True)
    assert "codes of -16384..16383" in refusal(with_tensor(many, "sums", bits=15))
    assert "codes of 0..4294967295" in refusal(with_tensor(PLAIN, "sums", signed=False))


@pytest.mark.parametrize(("edit", "problem"), [
    (whole(ops=()), "no input tensor or no ops"),
    (without_tensor(INPUT), "no input tensor or no ops"),
    (without_tensor("pool1"), "pool1: reads ('conv1',) or writes a tensor out of order"),
    (reordered(1, 0), "pool1: reads ['conv1'] or writes a tensor out of order"),
    (reordered(0, 0), "conv1: reads ('input',) or writes a tensor out of order"),
    (op("pool1", inputs=("none",)), "pool1: reads ['none'] or writes a tensor out of order"),
    (op("pool1", inputs=("pool1",)), "pool1: reads ['pool1'] or writes a tensor out of order"),
    (op("conv1", name=INPUT), "input: reads ('input',) or writes a tensor out of order"),
    (reordered(*range(len(PLAIN.ops) - 1)), "ends in conv10, not in a global sum"),
    (whole(labels=PLAIN.labels[:4]), "4 labels for 5 classes"),
    (whole(labels=(*PLAIN.labels, "sixth")), "6 labels for 5 classes"),
    (whole(labels=(1, 2, 3, 4, 5)), "its name, labels and source notes must be text"),
    (whole(name=3), "its name, labels and source notes must be text"),
    (whole(source={1: "one"}), "its name, labels and source notes must be text"),
    (whole(source={"one": 1}), "its name, labels and source notes must be text"),
    (preprocessing(crop=(12, 11)), "preprocessing crops to (12, 11), but the input is (12, 10, 3)"),
    (preprocessing(crop=(10, 12)), "preprocessing crops to (10, 12), but the input is (12, 10, 3)"),
    (preprocessing(resize=0), "preprocessing crops to (12, 10), but the input is (12, 10, 3)"),
])  # fmt: skip
def test_problems_of_the_whole(edit: Edit, problem: str):
    assert refusal(edit(PLAIN)) == problem


@pytest.mark.parametrize(("edit", "problem"), [
    (tensor("conv1", shape=(6, 0, 8)), "conv1: shape (6, 0, 8) or 8 bits out of range"),
    (tensor("conv1", name="conv2"), "conv2: is held under another name, 'conv1'"),
    (tensor("sums", bits=0), "sums: shape (1, 1, 5) or 0 bits out of range"),
    (tensor("sums", bits=-1), "sums: shape (1, 1, 5) or -1 bits out of range"),
    (tensor("sums", bits=65), "sums: shape (1, 1, 5) or 65 bits out of range"),
    (tensor("conv1", scale=0.0), "conv1: scale 0.0 is not a positive number"),
    (tensor("conv1", scale=-1), "conv1: scale -1 is not a positive number"),
    (tensor("conv1", scale=np.inf), "conv1: scale inf is not a positive number"),
    (tensor("conv1", scale=np.nan), "conv1: scale nan is not a positive number"),
    (tensor("input", bits=7), "input: pixels must have 8 bits without a sign"),
    (tensor("input", signed=True), "input: pixels must have 8 bits without a sign"),
])  # fmt: skip
def test_problems_of_tensors(edit: Edit, problem: str):
    assert refusal(edit(PLAIN)) == f"tensor {problem}"


ADD, JOINS = "fire3/add", "joins tensors of different scales or signs"
FACTORS = (40000, 20000)
SCALE = PLAIN.tensors["pool1"].scale


@pytest.mark.parametrize(("edit", "problem"), [
    (op("conv1", inputs=()), "conv1: cannot read 0 tensors"),
    (op(ADD, inputs=()), f"{ADD}: cannot read 0 tensors"),
    (op("fire2/concat", inputs=()), "fire2/concat: cannot read 0 tensors"),
    (op("conv1", inputs=("input",) * 2), "conv1: cannot read 2 tensors"),
    (op("pool1", inputs=("conv1",) * 2), "pool1: cannot read 2 tensors"),
    (op("sums", inputs=("conv10",) * 2), "sums: cannot read 2 tensors"),
    (op("conv1", stride=0), "conv1: kernel 3 or stride 0 is not at least 1"),
    (op("conv1", stride=-1), "conv1: kernel 3 or stride -1 is not at least 1"),
    (op("pool1", stride=0), "pool1: kernel 3 or stride 0 is not at least 1"),
    (op("pool1", kernel=0), "pool1: kernel 0 or stride 2 is not at least 1"),
    (op("conv1", weights=np.zeros((8, 0, 0, 3), np.int8)),
     "conv1: kernel 0 or stride 2 is not at least 1"),
    (op("conv1", pad=(2, 1, 0, -1)), "conv1: padding (2, 1, 0, -1) is negative"),
    (op("conv1", pad=(-1, 1, 3, 1)), "conv1: padding (-1, 1, 3, 1) is negative"),
    (op("conv1", stride=1), "conv1: shape (6, 5, 8), expected (12, 10, 8)"),
    (op("conv1", pad=(1, 1, 2, 1)), "conv1: shape (6, 5, 8), expected (7, 5, 8)"),
    (op("conv1", pad=(1, 2, 1, 1)), "conv1: shape (6, 5, 8), expected (6, 6, 8)"),
    (op("pool1", ceil=False), "pool1: shape (3, 2, 8), expected (2, 2, 8)"),
    (tensor("fire2/concat", shape=(3, 2, 13)),
     "fire2/concat: shape (3, 2, 13), expected (3, 2, 12)"),
    (tensor("sums", shape=(1, 2, 5)), "sums: shape (1, 2, 5), expected (1, 1, 5)"),
    (op(ADD, inputs=("fire3/concat", "conv1")),
     f"{ADD}: joins fire3/concat and conv1, whose shapes [(3, 2, 12), (6, 5, 8)] do not match"),
    (op(ADD, inputs=("fire3/concat", "pool1")),
     f"{ADD}: joins fire3/concat and pool1, whose shapes [(3, 2, 12), (3, 2, 8)] do not match"),
    (op("fire2/concat", inputs=("fire2/squeeze", "conv1")),
     "fire2/concat: joins fire2/squeeze and conv1, whose shapes [(3, 2, 4), (6, 5, 8)] do not "
     "match"),
    (op(ADD, inputs=("fire3/concat",), multiplier=FACTORS),
     f"{ADD}: needs two inputs, with 16-bit multipliers, not {FACTORS}"),
    (op(ADD, inputs=("fire3/concat", *["fire2/concat"] * 2), multiplier=FACTORS),
     f"{ADD}: needs two inputs, with 16-bit multipliers, not {FACTORS}"),
    (op(ADD, multiplier=(-1, 1)),
     f"{ADD}: needs two inputs, with 16-bit multipliers, not (-1, 1)"),
    (op(ADD, multiplier=(1, 65536)),
     f"{ADD}: needs two inputs, with 16-bit multipliers, not (1, 65536)"),
    (op("conv1", shift=0), "conv1: shift 0 or clamp 0..255 out of range for codes of 0..255"),
    (op("conv1", shift=48), "conv1: shift 48 or clamp 0..255 out of range for codes of 0..255"),
    (op("conv1", shift=24, low=-1),
     "conv1: shift 24 or clamp -1..255 out of range for codes of 0..255"),
    (op("conv1", shift=24, high=256),
     "conv1: shift 24 or clamp 0..256 out of range for codes of 0..255"),
    (op("conv1", shift=24, low=9, high=8),
     "conv1: shift 24 or clamp 9..8 out of range for codes of 0..255"),
    (op("conv10", shift=23, low=-129),
     "conv10: shift 23 or clamp -129..127 out of range for codes of -128..127"),
    (op("conv10", shift=23, high=128),
     "conv10: shift 23 or clamp -128..128 out of range for codes of -128..127"),
    (op(ADD, shift=0), f"{ADD}: shift 0 or clamp 0..255 out of range for codes of 0..255"),
    (op(ADD, shift=15, low=-128),
     f"{ADD}: shift 15 or clamp -128..255 out of range for codes of 0..255"),
    (tensor("pool1", scale=9.0), f"pool1: {JOINS} [({SCALE}, False), (9.0, False)]"),
    (tensor("pool1", signed=True), f"pool1: {JOINS} [({SCALE}, False), ({SCALE}, True)]"),
    (tensor("fire2/expand1x1", scale=9.0),
     f"fire2/concat: {JOINS} [({SCALE}, False), (9.0, False)]"),
    (tensor("fire2/concat", signed=True),
     f"fire2/concat: {JOINS} [({SCALE}, False), ({SCALE}, True)]"),
    (tensor("sums", bits=10), "sums: sums of 6 pixels do not fit codes of -512..511"),
    (tensor("conv10", bits=9), "conv10: activation conv10 must have 8 bits, not 9"),
    (tensor("pool1", bits=9), "pool1: activation pool1 must have 8 bits, not 9"),
])  # fmt: skip
def test_problems_of_ops(edit: Edit, problem: str):
    assert refusal(edit(PLAIN)) == problem


@pytest.mark.parametrize(("edit", "problem"), [
    (op("conv1", weights=np.zeros((8, 3, 3, 3))),
     "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=np.zeros((8, 3, 3, 3), np.uint8)),
     "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=np.zeros(8, np.int8)),
     "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=[1, 2]), "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=None), "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=np.zeros((8, 3, 3), np.int8)),
     "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=np.zeros((8, 3, 3, 3, 1), np.int8)),
     "weights must be int8 of shape (Cout, KH, KW, Cin / groups)"),
    (op("conv1", weights=np.zeros((8, 3, 3, 4), np.int8)),
     "weights (8, 3, 3, 4) do not fit input (12, 10, 3)"),
    (op("conv1", groups=3), "3 groups for 3 channels to 8; only 1 or all of both"),
    (op("conv1", groups=8), "8 groups for 3 channels to 8; only 1 or all of both"),
    (op("conv1", groups=True), "groups is True, not int"),
    (op("conv1", weight_scale=np.ones(7)), "weight_scale must be float64 of shape (8,)"),
    (op("conv1", weight_scale=np.ones(8, np.float32)),
     "weight_scale must be float64 of shape (8,)"),
    (op("conv1", weight_scale=None), "weight_scale must be float64 of shape (8,)"),
    (op("conv1", weight_scale=np.full(8, np.nan)),
     "weight_scale holds something other than numbers from 0 up"),
    (op("conv1", weight_scale=-np.ones(8)),
     "weight_scale holds something other than numbers from 0 up"),
    (op("conv1", weight_bits=1), "weight_bits 1 is not 2 to 8"),
    (op("conv1", weight_bits=9), "weight_bits 9 is not 2 to 8"),
    (op("conv1", bias=np.zeros(7, np.int32)), "bias must be int32 of shape (8,)"),
    (op("conv1", bias=np.zeros((8, 1), np.int32)), "bias must be int32 of shape (8,)"),
    (op("conv1", bias=np.zeros(8, np.int64)), "bias must be int32 of shape (8,)"),
    (op("conv1", bias=(1,) * 8), "bias must be int32 of shape (8,)"),
    (op("conv1", multiplier=None), "multiplier must be uint16 of shape (8,)"),
    (op("conv1", multiplier=np.zeros(9, np.uint16)), "multiplier must be uint16 of shape (8,)"),
    (op("conv1", multiplier=np.zeros(8, np.int16)), "multiplier must be uint16 of shape (8,)"),
    (op("conv1", pad_code=(0, 0)), "pad_code must hold 3 codes of the input tensor"),
    (op("conv1", pad_code=()), "pad_code must hold 3 codes of the input tensor"),
    (op("conv1", pad_code=(0, 256, 0)), "pad_code must hold 3 codes of the input tensor"),
    (op("conv1", pad_code=(0, 0, -1)), "pad_code must hold 3 codes of the input tensor"),
])  # fmt: skip
def test_problems_of_convolutions(edit: Edit, problem: str):
    assert refusal(edit(PLAIN)) == f"conv1: {problem}"


def spoilt(value: int, *, bits: int) -> QuantizedNetwork:
    """One weight is ``value`` where all others are 0 and may have ``bits`` bits."""
    weights = np.zeros_like(convolution(PLAIN, "conv1").weights)
    weights[5, 2, 1, 0] = value
    return with_op(PLAIN, "conv1", weights=weights, weight_bits=bits)


@pytest.mark.parametrize("bits", range(2, 8))
def test_weights_have_so_many_bits(bits: int):
    limit = 1 << (bits - 1)
    for value in (-limit, limit - 1):
        check(spoilt(value, bits=bits))
    for value in (-limit - 1, limit):
        problem = f"conv1: weight codes exceed {bits} bits"
        assert refusal(spoilt(value, bits=bits)) == problem


UNFIT = "codebook must be a one-dimensional int8 array"


@pytest.mark.parametrize(("codebook", "problem"), [
    (np.arange(4), UNFIT),
    (np.zeros((2, 2), np.int8), UNFIT),
    ((0, 1, 2, 3), UNFIT),
    (np.arange(0, dtype=np.int8),
     "codebook of 0 levels, not a power of two from 4 to 2**weight_bits = 32"),
    (np.arange(2, dtype=np.int8),
     "codebook of 2 levels, not a power of two from 4 to 2**weight_bits = 32"),
    (np.arange(7, dtype=np.int8),
     "codebook of 7 levels, not a power of two from 4 to 2**weight_bits = 32"),
    (np.arange(64, dtype=np.int8),
     "codebook of 64 levels, not a power of two from 4 to 2**weight_bits = 32"),
    (np.array([3, 2, 1, 0], np.int8), "codebook levels must ascend within 5 bits"),
    (np.array([0, 1, 3, 2], np.int8), "codebook levels must ascend within 5 bits"),
    (np.array([-17, -1, 0, 1], np.int8), "codebook levels must ascend within 5 bits"),
    (np.array([0, 1, 2, 16], np.int8), "codebook levels must ascend within 5 bits"),
    (np.array([-15, -14, 14, 15], np.int8), "weights that are not in its codebook"),
])  # fmt: skip
def test_problems_of_codebooks(codebook: np.ndarray, problem: str):
    wrong = with_op(CODED, "fire2/squeeze", codebook=codebook)
    assert refusal(wrong) == f"fire2/squeeze: {problem}"


@pytest.mark.parametrize("levels", [
    [-16, 0, 0, 15],  # one twice
    [-16, 0, 1, 15],
    list(range(-16, 16)),
], ids=str)  # fmt: skip
def test_codebooks_that_pass(levels: list[int]):
    codebook = np.array(levels, np.int8)
    weights = np.resize(codebook, convolution(CODED, "fire2/squeeze").weights.shape)
    check(with_op(CODED, "fire2/squeeze", weights=weights, codebook=codebook))
    absent = weights.copy()
    absent[3, 0, 0, 7] = -17
    wrong = with_op(CODED, "fire2/squeeze", weights=absent, codebook=codebook)
    assert refusal(wrong) == "fire2/squeeze: weight codes exceed 5 bits"


FOUR = "tuple[int, int, int, int]"


@pytest.mark.parametrize(("edit", "problem"), [
    (tensor("conv1", name=7), "7: name is 7, not str"),
    (tensor("conv1", shape=(6, 5)), "conv1: shape is (6, 5), not tuple[int, int, int]"),
    (tensor("conv1", shape=[6, 5, 8]), "conv1: shape is [6, 5, 8], not tuple[int, int, int]"),
    (tensor("conv1", shape=(6, 5.0, 8)), "conv1: shape is (6, 5.0, 8), not tuple[int, int, int]"),
    (tensor("conv1", shape=None), "conv1: shape is None, not tuple[int, int, int]"),
    (tensor("conv1", scale="1"), "conv1: scale is '1', not float"),
    (tensor("conv1", scale=True), "conv1: scale is True, not float"),
    (tensor("conv1", scale=1j), "conv1: scale is 1j, not float"),
    (tensor("conv1", signed=0), "conv1: signed is 0, not bool"),
    (tensor("conv1", bits="8"), "conv1: bits is '8', not int"),
    (tensor("conv1", bits=True), "conv1: bits is True, not int"),
    (tensor("conv1", bits=8.0), "conv1: bits is 8.0, not int"),
    (op("conv1", inputs="input"), "conv1: inputs is 'input', not tuple[str, ...]"),
    (op("conv1", inputs=(1,)), "conv1: inputs is (1,), not tuple[str, ...]"),
    (op("conv1", weight_bits="8"), "conv1: weight_bits is '8', not int"),
    (op("conv1", shift=9.0), "conv1: shift is 9.0, not int"),
    (op("conv1", low=False), "conv1: low is False, not int"),
    (op("conv1", high=None), "conv1: high is None, not int"),
    (op("conv1", stride=1.5), "conv1: stride is 1.5, not int"),
    (op("conv1", pad=(0, 0)), f"conv1: pad is (0, 0), not {FOUR}"),
    (op("conv1", pad=(0,) * 5), f"conv1: pad is (0, 0, 0, 0, 0), not {FOUR}"),
    (op("conv1", pad=(0, 0, 0, "0")), f"conv1: pad is (0, 0, 0, '0'), not {FOUR}"),
    (op("conv1", pad_code=(0, True, 0)), "conv1: pad_code is (0, True, 0), not tuple[int, ...]"),
    (op("conv1", pad_code=128), "conv1: pad_code is 128, not tuple[int, ...]"),
    (op("conv1", name=None), "None: name is None, not str"),
    (op("pool1", kernel="3"), "pool1: kernel is '3', not int"),
    (op("pool1", stride=2.0), "pool1: stride is 2.0, not int"),
    (op("pool1", ceil=1), "pool1: ceil is 1, not bool"),
    (op("fire2/concat", inputs=None), "fire2/concat: inputs is None, not tuple[str, ...]"),
    (op(ADD, multiplier=(1,)), f"{ADD}: multiplier is (1,), not tuple[int, int]"),
    (op(ADD, multiplier=(1, 2, 3)), f"{ADD}: multiplier is (1, 2, 3), not tuple[int, int]"),
    (op("sums", inputs=["conv10"]), "sums: inputs is ['conv10'], not tuple[str, ...]"),
    (preprocessing(resize="12"), "preprocessing: resize is '12', not int"),
    (preprocessing(crop=(12,)), "preprocessing: crop is (12,), not tuple[int, int]"),
    (preprocessing(crop=[12, 10]), "preprocessing: crop is [12, 10], not tuple[int, int]"),
])  # fmt: skip
def test_fields_of_another_type(edit: Edit, problem: str):
    assert refusal(edit(PLAIN)) == problem


MEASURED = measured_activations(PLAIN)


@pytest.mark.parametrize(("changes", "problem"), [
    ({"frames": 0}, "of 0 frames"),
    ({"frames": True}, "of True frames"),
    ({"frames": 3}, "counts of input are not of 3 frames"),
    ({"counts": {**MEASURED.counts, "sums": (0,) * 256}},
     "counts of other tensors than the network has"),
    ({"counts": {**MEASURED.counts, "pool1": (0,) * 255}},
     "counts of pool1 are not one for each of its codes"),
    ({"counts": {**MEASURED.counts, "pool1": (-1, *MEASURED.counts["pool1"][1:])}},
     "counts of pool1 are not one for each of its codes"),
    ({"counts": {**MEASURED.counts, "pool1": (0.5, *MEASURED.counts["pool1"][1:])}},
     "counts of pool1 are not one for each of its codes"),
    ({"decibels": {"pool2": 1.0}}, "1.0 dB for pool2"),
    ({"decibels": {"pool1": nan}}, "nan dB for pool1"),
    ({"decibels": {"pool1": -inf}}, "-inf dB for pool1"),
])  # fmt: skip
def test_problems_of_what_was_measured(changes: dict[str, Any], problem: str):
    check(replace(PLAIN, activations=MEASURED))
    wrong = replace(PLAIN, activations=replace(MEASURED, **changes))
    assert refusal(wrong) == f"activations: {problem}"


def test_no_op_has_the_name_of_the_board():
    builder = NetworkBuilder((4, 4, 3), 1)
    x = builder.conv("board", "input", 4, 1)
    with pytest.raises(FirebrickError, match="board: this name is the board's own; rename the"):
        builder.finish("named", x)
