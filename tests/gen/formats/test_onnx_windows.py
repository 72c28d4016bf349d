"""Windows of convolutions and pools, read from ONNX and held against the runtime."""

from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_windows import (
    Pool,
    Window,
    read_average_pool,
    read_max_pool,
    read_window,
    whole_map,
)
from sim import reference

SHAPE = (7, 6, 2)


def refusal(function, *arguments) -> str:
    with pytest.raises(FirebrickError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def node(kind: str, inputs: Any = ("x",), **values: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], "it", **values)


# Windows


def test_windows_without_attributes():
    assert read_window(node("Conv"), SHAPE, (3, 2)) == Window((3, 2), 1, (0, 0, 0, 0))


def test_windows_with_all_attributes():
    made = node("Conv", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 2, 3, 4],
                dilations=[1, 1], group=1, auto_pad="NOTSET")  # fmt: skip
    window = read_window(made, SHAPE, (3, 3))
    assert window == Window((3, 3), 2, (1, 2, 3, 4))
    assert [type(n) for n in (*window.kernel, window.stride, *window.pad)] == [int] * 7


DIFFER = "differ; equal ones down and across are supported"


@pytest.mark.parametrize(("values", "reason"), [
    ({"kernel_shape": [3]}, "kernel_shape [3] is not two sides, rows and columns; give both"),
    ({"kernel_shape": [3, 3, 3]},
     "kernel_shape [3, 3, 3] is not two sides, rows and columns; give both"),
    ({"kernel_shape": [5, 5]}, "kernel_shape [5, 5] for weights of 3 by 3"),
    ({"strides": [2, 1]}, f"strides [2, 1] {DIFFER}"),
    ({"strides": [2]}, f"strides [2] {DIFFER}"),
    ({"strides": [0, 0]}, f"strides [0, 0] {DIFFER}"),
    ({"strides": [-1, -1]}, f"strides [-1, -1] {DIFFER}"),
    ({"dilations": [1, 2]}, "dilations [1, 2] are not supported; a larger kernel with zeros "
                            "between its weights is"),
    ({"pads": [1, 1]}, "pads [1, 1] are not supported; four from 0 up are"),
    ({"pads": [0, 0, 0, -1]}, "pads [0, 0, 0, -1] are not supported; four from 0 up are"),
])  # fmt: skip
def test_windows_that_are_refused(values: dict, reason: str):
    assert (
        refusal(read_window, node("Conv", **values), SHAPE, (3, 3)) == f"node 'it' (Conv): {reason}"
    )


def run(layer: onnx.NodeProto, x: np.ndarray, *constants: tuple[str, np.ndarray]) -> np.ndarray:
    """What ONNX Runtime makes of ``x`` (height, width)."""
    graph = helper.make_graph(
        [layer], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, *x.shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (y,) = reference.session(model).run(None, {"x": x[None, None]})
    return y[0, 0]


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).permutation(np.prod(shape)).reshape(shape).astype("f4") + 1


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (4, 3)])
def test_auto_pad_is_what_the_runtime_pads(auto_pad: str, kernel: int, stride: int):
    weights = picture(1, 1, kernel, kernel)
    for shape in ((7, 6), (4, 9), (8, 5)):
        window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        made = node("Conv", ("x", "w"), auto_pad=auto_pad, pads=[9] * 4, **window)
        pad = read_window(made, (*shape, 1), (kernel, kernel)).pad
        made.attribute.remove(next(a for a in made.attribute if a.name == "pads"))
        explicit = node("Conv", ("x", "w"), pads=pad, **window)
        given, expected = (run(n, picture(*shape), ("w", weights)) for n in (explicit, made))
        np.testing.assert_array_equal(given, expected)


# Pools


def pooled(x: np.ndarray, pool: Pool, border: float, reduce=np.max) -> np.ndarray:
    """A pool written out plainly."""
    top, left, bottom, right = pool.pad
    starts = []
    for size, begin, end in ((x.shape[0], top, bottom), (x.shape[1], left, right)):
        size += begin + end
        whole = [start for start in range(0, size, pool.stride) if start + pool.kernel <= size]
        cut = whole[-1] + pool.stride if whole[-1] + pool.kernel < size else size
        starts.append([*whole, cut] if pool.ceil and cut < size else whole)
    x = np.pad(x, ((top, bottom), (left, right)), constant_values=border)
    rows, columns = starts
    return np.array([
        [reduce(x[r : r + pool.kernel, c : c + pool.kernel]) for c in columns] for r in rows
    ])  # fmt: skip


PADS = [
    (0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 1, 1), (1, 0, 0, 0),
    (0, 1, 0, 1), (1, 1, 0, 0), (0, 0, 2, 2), (2, 2, 2, 2),
]  # fmt: skip


def case(kind: str, kernel: int, stride: int, pad, **values: Any) -> onnx.NodeProto | None:
    """A pool node, if ONNX allows it."""
    if max(pad) >= kernel:
        return None
    sides = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
    return node(kind, pads=pad, **sides, **values)


@pytest.mark.parametrize(("kernel", "stride"), [
    (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3), (5, 2), (4, 1),
])  # fmt: skip
@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_max_pools_are_what_the_runtime_computes(kernel: int, stride: int, ceil_mode: int):
    for (height, width), pad in product(((6, 7), (8, 5), (7, 7)), PADS):
        made = case("MaxPool", kernel, stride, pad, ceil_mode=ceil_mode)
        if made is not None:
            x = picture(height, width)
            pool = read_max_pool(made, (height, width, 1))
            assert (pool.kernel, pool.stride) == (kernel, stride)
            assert not (pool.ceil and any(pool.pad))
            np.testing.assert_array_equal(pooled(x, pool, -np.inf), run(made, x))


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (2, 2), (3, 1), (3, 2), (4, 3)])
@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_average_pools_are_what_the_runtime_computes(kernel, stride, include, ceil_mode):
    refused = set()
    for (height, width), pad in product(((6, 7), (8, 5)), PADS):
        made = case("AveragePool", kernel, stride, pad, ceil_mode=ceil_mode,
                    count_include_pad=include)  # fmt: skip
        if made is None:
            continue
        x = picture(height, width)
        try:
            pool = read_average_pool(made, (height, width, 1))
        except FirebrickError:
            refused.add(pad)
            continue
        np.testing.assert_allclose(pooled(x, pool, 0, np.mean), run(made, x), rtol=1e-6)
    if include and not ceil_mode:
        assert not refused
    elif not include:
        assert (1, 1, 0, 0) in refused


def test_ceil_mode_is_left_out_where_it_changes_nothing():
    window = {"kernel_shape": [3, 3], "strides": [2, 2]}
    assert read_max_pool(node("MaxPool", ceil_mode=1, **window), (7, 9, 1)) == Pool(3, 2)
    assert read_max_pool(node("MaxPool", ceil_mode=1, **window), (7, 8, 1)) == Pool(3, 2, True)
    assert read_max_pool(node("MaxPool", **window), (7, 8, 1)) == Pool(3, 2)


def test_padding_that_does_no_harm_under_ceil_mode():
    made = node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1], ceil_mode=1)
    assert read_max_pool(made, (6, 6, 1)) == Pool(2, 2)
    assert read_max_pool(made, (7, 6, 1)) == Pool(2, 2, True)


def test_padding_that_only_the_pool_in_front_of_it_adds_up():
    made = node("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    assert read_max_pool(made, (8, 8, 1), (0, 0, 1, 1)) == Pool(3, 2, True)
    assert read_max_pool(made, (8, 8, 1), (1, 1, 1, 1)) == Pool(3, 2, pad=(1, 1, 0, 0))
    made = node("AveragePool", kernel_shape=[3, 3], strides=[1, 1])
    assert read_average_pool(made, (8, 8, 1), (1, 1, 1, 1)) == Pool(3, 1, pad=(1, 1, 1, 1))


@pytest.mark.parametrize(("values", "reason"), [
    ({"strides": [8, 8], "kernel_shape": [8, 8]},
     "kernel 8 is larger than its input (7, 6, 2), or empty"),
    ({"strides": [7, 7], "kernel_shape": [7, 7]},
     "kernel 7 is larger than its input (7, 6, 2), or empty"),
    ({"kernel_shape": [0, 0]}, "kernel 0 is larger than its input (7, 6, 2), or empty"),
    ({"pads": [3, 0, 0, 0]}, "pads [3, 0, 0, 0]: only less than its kernel of 3 is supported"),
    ({"kernel_shape": [3, 2]}, "kernel [3, 2] is not square; square ones are supported"),
])  # fmt: skip
@pytest.mark.parametrize(("kind", "read"), [
    ("MaxPool", read_max_pool), ("AveragePool", read_average_pool),
])  # fmt: skip
def test_pools_that_are_refused(kind: str, read, values: dict, reason: str):
    values = {"kernel_shape": [3, 3], "strides": [2, 2], **values}
    made = node(kind, **values, **({"count_include_pad": 1} if kind == "AveragePool" else {}))
    assert refusal(read, made, SHAPE) == f"node 'it' ({kind}): {reason}"


def test_same_padding_of_a_pool_is_ceil_mode_where_it_comes_last():
    made = node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    assert read_max_pool(made, (8, 6, 1)) == Pool(3, 2, True)
    assert read_max_pool(made, (7, 6, 1)) == Pool(3, 2, pad=(1, 0, 1, 1))


@pytest.mark.parametrize("made", [
    node("GlobalAveragePool"),
    node("AveragePool", kernel_shape=[7, 6]),
    node("AveragePool", kernel_shape=[7, 6], pads=[0] * 4, strides=[1, 1], auto_pad="NOTSET"),
    node("AveragePool", kernel_shape=[7, 6], auto_pad="VALID"),
])  # fmt: skip
def test_averages_of_the_whole_map(made):
    assert whole_map(made, SHAPE)


@pytest.mark.parametrize("values", [
    {"kernel_shape": [6, 7]}, {"kernel_shape": [7, 5]}, {},
    {"kernel_shape": [7, 6], "pads": [0, 0, 0, 1]},
    {"kernel_shape": [7, 6], "auto_pad": "SAME_UPPER"},
])  # fmt: skip
def test_averages_of_parts(values: dict):
    assert not whole_map(node("AveragePool", **values), SHAPE)
