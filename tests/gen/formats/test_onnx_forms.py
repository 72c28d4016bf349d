"""Networks written in other forms that are equal: held against ONNX Runtime, or a modern twin."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, inliner, numpy_helper

from gen.common.errors import FirebrickError, RefusedNode
from gen.compile import Request, compile_network
from gen.formats.onnx_float import import_float
from gen.formats.onnx_forms import Forms
from gen.formats.onnx_node import attributes
from gen.formats.onnx_nodes import Nodes
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim.golden import class_sums
from tests.gen.formats.compared import SIZE, body, compare, constant, net
from tests.graphs import NORMALISATION, Net, pictures


def scalar(made: Net, name: str, value: float) -> str:
    return made.constant(name, np.array(value, np.float32))


def channels(made: Net, name: str, *values: float) -> str:
    return made.constant(name, np.array(values, np.float32).reshape(-1, 1, 1))


def plain(made: Net) -> str:
    """A convolution without a ReLU."""
    return made.layer("data", "conv1", 3, 6, 3, stride=2, act="")


@pytest.mark.parametrize("build", [
    lambda m, x: m.node("Max", [x, scalar(m, "zero", 0)], "it"),
    lambda m, x: m.node("Max", [scalar(m, "zero", 0), x, scalar(m, "low", -1)], "it"),
    lambda m, x: m.node("LeakyRelu", [x], "it", alpha=0.0),
    lambda m, x: m.node("PRelu", [x, channels(m, "slope", *[0] * 6)], "it"),
    lambda m, x: m.node("ThresholdedRelu", [x], "it", alpha=0.0),
    lambda m, x: m.node("Elu", [x], "it", alpha=0.0),
    lambda m, x: m.node("Clip", [x, scalar(m, "zero", 0)], "it"),
    lambda m, x: m.node("Relu", [m.node("LeakyRelu", [x], "all", alpha=1.0)], "it"),
])  # fmt: skip
def test_relus_of_other_names(build):
    made = net()
    graph = compare(made, made.classify(build(made, plain(made)), 6))
    assert [op.relu for op in graph.convs] == [True, False]
    assert len(graph.ops) == 3


@pytest.mark.parametrize("build", [
    lambda m, x: m.node("Min", [m.relu(x, "r"), scalar(m, "six", 1.5)], "it"),
    lambda m, x: m.relu(m.node("Min", [scalar(m, "six", 1.5), x], "it"), "r"),
    lambda m, x: m.node("Max", [m.node("Min", [x, scalar(m, "six", 1.5)], "it"),
                                scalar(m, "zero", 0)], "max"),
    lambda m, x: m.node("Clip", [m.relu(x, "r"), scalar(m, "low", -1), scalar(m, "six", 1.5)],
                        "it"),
])  # fmt: skip
def test_ceilings_of_other_names(build):
    made = net()
    graph = compare(made, made.classify(build(made, plain(made)), 6))
    assert [(op.relu, op.ceiling) for op in graph.convs] == [(True, 1.5), (False, None)]


@pytest.mark.parametrize(("build", "operator"), [
    (lambda m, x: m.node("Max", [x, scalar(m, "k", 1)], "it"), "Max"),
    (lambda m, x: m.node("Min", [x, scalar(m, "k", 1)], "it"), "Min"),
    (lambda m, x: m.node("Min", [m.relu(x, "r"), scalar(m, "k", -1)], "it"), "Min"),
    (lambda m, x: m.node("Max", [x, channels(m, "k", 0, 0, 0, 0, 0, 1)], "it"), "Max"),
    (lambda m, x: m.node("Max", [x, m.relu(x, "r")], "it"), "Max"),
    (lambda m, x: m.node("LeakyRelu", [x], "it"), "LeakyRelu"),
    (lambda m, x: m.node("PRelu", [x, channels(m, "k", 0, 0, 0, 0, 0, 1)], "it"), "PRelu"),
])  # fmt: skip
def test_other_activations_are_refused_with_a_remedy(build, operator):
    made = net()
    with pytest.raises(RefusedNode) as caught:
        compare(made, made.classify(build(made, plain(made)), 6))
    assert (caught.value.node, caught.value.operator) == ("it", operator)
    assert caught.value.remedy


@pytest.mark.parametrize("build", [
    lambda m, x: m.node("Mul", [x, channels(m, "k", 1, 2, 3, 0.5, 1, 2)], "it"),
    lambda m, x: m.node("Div", [x, scalar(m, "k", 3)], "it"),
])  # fmt: skip
def test_factors_pass_relus(build):
    made = net()
    graph = compare(made, made.classify(build(made, body(made)), 6))
    assert len(graph.ops) == 3


@pytest.mark.parametrize("build", [
    lambda m, x: m.node("Mul", [x, scalar(m, "k", -1)], "it"),
    lambda m, x: m.node("Neg", [x], "it"),
    lambda m, x: m.node("Add", [x, scalar(m, "k", -1)], "it"),
    lambda m, x: m.node("Sub", [scalar(m, "k", 2), x], "it"),
    lambda m, x: m.batch_norm(x, "it", 6),
    lambda m, x: m.node("Mul", [m.clip(x, "c", 1.5), scalar(m, "k", 2)], "it"),
    lambda m, x: m.node("Add", [x, x], "it"),
])  # fmt: skip
def test_arithmetic_that_folds_into_no_layer_becomes_one(build):
    made = net()
    x = build(made, made.pool(body(made), "pool", 2, 2))
    graph = compare(made, made.classify(made.layer(x, "conv2", 6, 4, 1), 4))
    (own,) = (op for op in graph.convs if op.groups == 6)
    assert own.weights.shape == (6, 1, 1, 1)


def test_a_map_read_before_and_after_its_batch_norm():
    made = net()
    x = plain(made)
    y = made.relu(made.batch_norm(x, "bn", 6), "bn")
    y = made.layer(y, "conv2", 6, 6, 1, act="")
    compare(made, made.classify(made.node("Add", [x, y], "sum"), 6))


def test_sums_of_any_number():
    made = net()
    x = body(made)
    y, z = (made.layer(x, name, 6, 6, 1) for name in "yz")
    one = made.node("Sum", [made.node("Concat", [made.node("Mean", [x], "mean")], "cat", axis=1)])
    three = made.node("Sum", [one, y, z], "three")
    two = made.node("Mean", [made.node("Sub", [three, y], "less"), z], "two")
    compare(made, made.classify(two, 6))


def test_a_sum_over_the_map_and_factors_behind_it():
    made = net()
    x = made.layer(body(made), "conv10", 6, 4, 1, act="")
    x = made.node("ReduceSum", [x, constant(made, "axes", 2, 3)], "sum", keepdims=0)
    graph = compare(made, made.node("Mul", [x, scalar(made, "k", 0.01)], "scaled"))
    assert len(graph.ops) == 3


def test_a_pool_of_pixels_from_file_to_class_sums():
    made = net()
    x = made.layer(made.pool("data", "pool", 2, 2), "conv1", 3, 6, 3)
    graph = compare(made, made.classify(x, 6))
    frames = pictures(SIZE, 40)
    network = quantise(graph, frames, normalisation=NORMALISATION)
    assert network.tensors["pool"].scale == 1.0
    sums = class_sums(network, frames) * network.output.scale
    real = float_logits(graph.fold_input(NORMALISATION), frames) * np.prod(
        graph.shapes()["conv10"][:2]
    )
    assert np.corrcoef(sums.ravel(), real.ravel())[0, 1] > 0.99


# Subgraphs and functions


def conditional(made: Net, x: str, condition: str) -> str:
    """An If of two branches that read ``x`` and an outer constant."""
    two = scalar(made, "two", 2)
    branches = {}
    for name, kind in (("then_branch", "Mul"), ("else_branch", "Add")):
        own = numpy_helper.from_array(np.array(3, np.float32), "own")
        inner = [
            helper.make_node(kind, [x, two], ["a"]),
            helper.make_node(kind, ["a", "own"], ["b"]),
        ]
        end = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
        branches[name] = helper.make_graph(inner, name, [], [end], [own])
    return made.node("If", [condition], "if", **branches)


@pytest.mark.parametrize("takes", [True, False])
def test_a_branch_whose_condition_is_a_constant(takes):
    made = net()
    x = conditional(made, plain(made), made.constant("c", np.array(takes)))
    compare(made, made.classify(made.relu(x, "r"), 6))


def test_a_branch_that_a_shape_decides():
    made = net()
    x = plain(made)
    last = made.node("Gather", [made.node("Shape", [x], "s"), constant(made, "at", 1)], "g")
    x = conditional(made, x, made.node("Equal", [last, constant(made, "six", 6)], "equal"))
    compare(made, made.classify(made.relu(x, "r"), 6))


def test_a_branch_that_pixels_decide_is_refused():
    made = net()
    total = made.node("ReduceMax", ["data"], "max", keepdims=0)
    condition = made.node("Greater", [total, scalar(made, "k", 1)], "greater")
    x = conditional(made, plain(made), condition)
    with pytest.raises(RefusedNode) as caught:
        compare(made, made.classify(x, 6))
    assert caught.value.remedy


def test_local_functions_are_inlined():
    made = net()
    x = made.node("Own", [plain(made)], "own")
    made.nodes[-1].domain = "mine"
    model = made.model(made.classify(x, 6), shape=(1, 3, *SIZE))
    inner = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Neg", ["r"], ["y"])]
    version = helper.make_opsetid("", 13)
    model.functions.append(helper.make_function("mine", "Own", ["x"], ["y"], inner, [version]))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    got, expected = (import_float(m, "t") for m in (model, inliner.inline_local_functions(model)))
    given, wanted = (float_logits(graph, pictures(SIZE, 3)) for graph in (got, expected))
    np.testing.assert_array_equal(given, wanted)
    assert len(got.ops) == 4


# Old versions


def newest(kind: str, inputs: list[str], known=(), outputs: int = 1, **values):
    forms = Forms({name: np.ones(6, np.float32) for name in known})
    names = [f"y{i}" for i in range(outputs)]
    (made,) = forms.newest(helper.make_node(kind, inputs, names, "it", **values))
    given = [forms.constants.get(name) for name in made.input[1:]]
    return made, [None if value is None else value.tolist() for value in given]


@pytest.mark.parametrize(("kind", "values", "expected"), [
    ("Reshape", {"shape": [1, -1]}, [[1, -1]]),
    ("Clip", {"min": 0.0, "max": 6.0}, [0.0, 6.0]),
    ("Clip", {"max": 6.0}, [None, 6.0]),
    ("Clip", {}, []),
    ("Pad", {"pads": [0, 1], "value": 2.0}, [[0, 1], 2.0]),
    ("Pad", {"paddings": [0, 1]}, [[0, 1]]),
    ("Squeeze", {"axes": [2, 3]}, [[2, 3]]),
    ("ReduceMean", {"axes": [2, 3]}, [[2, 3]]),
    ("Slice", {"starts": [0], "ends": [1]}, [[0], [1]]),
])  # fmt: skip
def test_attributes_become_inputs(kind, values, expected):
    made, given = newest(kind, ["x"], **values)
    assert given == expected
    assert not made.attribute


def test_what_no_longer_is_said_is_left_out():
    made, _ = newest("BatchNormalization", list("xsbmv"), is_test=1, spatial=1, epsilon=0.5)
    assert attributes(made) == {"epsilon": 0.5}
    made, _ = newest("Dropout", ["x"], outputs=2, is_test=1, ratio=0.5)
    assert not made.attribute
    made, _ = newest("Cast", ["x"], to="FLOAT16")
    assert attributes(made) == {"to": TensorProto.FLOAT16}
    made, _ = newest("Split", ["x"], outputs=3, axis=1)
    assert attributes(made) == {"axis": 1, "num_outputs": 3}


def test_old_arithmetic_says_where_dimensions_begin():
    made, ((first, *_),) = newest("Add", ["x", "k"], ["k"], broadcast=1, axis=1)
    assert first == [[1.0]]
    assert not made.attribute
    assert newest("Add", ["x", "k"], [], broadcast=1, axis=1)[0].input == ["x", "k"]


def test_new_nodes_stay_as_they_are():
    node = helper.make_node("Clip", ["x", "low"], ["y"])
    assert [*Forms({}).newest(node)] == [node]


def test_windows_ml_scales_pixels():
    made = net()
    x = made.node("ImageScaler", ["data"], scale=0.5, bias=[1.0, 2.0, 3.0])
    y = made.classify(made.layer(x, "conv1", 3, 6, 3), 6)
    twin = net()
    x = twin.node("Mul", ["data", scalar(twin, "half", 0.5)])
    x = twin.node("Add", [x, channels(twin, "bias", 1, 2, 3)])
    twin_y = twin.classify(twin.layer(x, "conv1", 3, 6, 3), 6)
    ends = ((made, y), (twin, twin_y))
    graphs = [import_float(m.model(end, shape=(1, 3, *SIZE)), "t") for m, end in ends]
    given, wanted = (float_logits(graph, pictures(SIZE, 3)) for graph in graphs)
    np.testing.assert_allclose(given, wanted, rtol=1e-5)


def test_sparse_initialisers():
    model = net().model("data")
    for name, indices in (("flat", [1, 3]), ("pairs", [[0, 1], [1, 1]])):
        values = numpy_helper.from_array(np.array([5, 7], np.float32), name)
        at = numpy_helper.from_array(np.array(indices, np.int64), f"{name}_at")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, at, [2, 2]))
    found = Nodes(model).constants
    np.testing.assert_array_equal(found["flat"], [[0, 5], [0, 7]])
    np.testing.assert_array_equal(found["pairs"], [[0, 5], [0, 7]])


def test_external_data_and_where_it_lacks(tmp_path):
    made = net()
    model = made.model(made.classify(body(made), 6), shape=(1, 3, *SIZE))
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    request = Request(path)
    with pytest.raises(FirebrickError, match="is a float model"):
        compile_network(request)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(FirebrickError, match=r"weights are in weights.bin, not found; copy"):
        compile_network(request)


# Gates


def gated(made: Net, x: str, *kinds: str) -> str:
    gate = x
    for kind in kinds:
        gate = (
            made.layer(gate, "excite", 6, 6, 1, act="")
            if kind == "Conv"
            else made.node(kind, [gate], kind)
        )
    return made.node("Mul", [x, gate], "product")


@pytest.mark.parametrize(("kinds", "node", "reason"), [
    (["GlobalAveragePool", "Conv", "Sigmoid"], "Sigmoid", "squeeze-and-excitation"),
    (["GlobalAveragePool", "Conv", "HardSigmoid"], "HardSigmoid", "squeeze-and-excitation"),
    (["GlobalAveragePool", "Conv"], "product", "squeeze-and-excitation"),
    (["Sigmoid"], "Sigmoid", "as SiLU or Swish"),
    (["Tanh"], "Tanh", "Tanh of x"),
])  # fmt: skip
def test_gates_are_named(kinds, node, reason):
    made = net()
    with pytest.raises(RefusedNode) as caught:
        compare(made, made.classify(gated(made, body(made), *kinds), 6))
    assert caught.value.node == node
    assert reason in caught.value.reason
    assert "train the network" in caught.value.remedy
    assert isinstance(caught.value.of("a.onnx"), RefusedNode)
    assert str(caught.value.of("a.onnx")).startswith(f"a.onnx: node '{node}'")
