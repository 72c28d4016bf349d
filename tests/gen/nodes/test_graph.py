"""Networks as graphs: edges, shared windows, order, levels, and what is refused."""

from dataclasses import replace
from itertools import permutations

import pytest

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Conv
from gen.nodes import graph as under_test
from gen.nodes.conv import ConvNode
from gen.nodes.global_sum import GlobalSumNode
from gen.nodes.graph import Edge, Graph
from gen.nodes.pool import PoolNode
from gen.nodes.streams import Burst
from tests.graphs import GRAPHS
from tests.networks import NetworkBuilder, tiny_network


def branches(
    *convs: dict, size: tuple[int, int] = (7, 7), join: bool = True
) -> tuple[QuantizedNetwork, Graph]:
    """Convolutions that read one map of five channels; ``a``, ``b`` and so on."""
    net = NetworkBuilder((*size, 3), 1)
    x = net.conv("first", INPUT, 5, 1)
    names = "abcdef"[: len(convs)]
    for name, options in zip(names, convs, strict=True):
        net.conv(name, x, options.pop("channels", 4), scale=1 / 100, **options)
    joined = net.concat("cat", *names) if join else names[-1]
    network = net.finish("branches", joined)
    return network, Graph.of(network)


def tapped(graph: Graph) -> dict[str, str]:
    """Whose windows each node that reads a tap shares."""
    return {edge.target: edge.source for node in graph for edge in graph.taps(node.name)}


def tap(graph: Graph, name: str) -> tuple[int, int] | None:
    node = graph[name]
    assert isinstance(node, ConvNode)
    return node.tap


# Edges


def test_edges_are_the_ops_inputs_but_for_taps():
    graph = Graph.of(tiny_network())
    edges = [
        (edge.name, edge.tensor, edge.source, edge.tap) for own in graph.edges.values()
        for edge in own
    ]  # fmt: skip
    assert sorted(edges) == [
        ("conv10[0]", "fire3/add", "fire3/add", False),
        ("conv1[0]", "input", "input", False),
        ("fire2/concat[0]", "fire2/expand1x1", "fire2/expand1x1", False),
        ("fire2/concat[1]", "fire2/expand3x3", "fire2/expand3x3", False),
        ("fire2/expand1x1[0]", "fire2/squeeze", "fire2/expand3x3", True),
        ("fire2/expand3x3[0]", "fire2/squeeze", "fire2/squeeze", False),
        ("fire2/squeeze[0]", "pool1", "pool1", False),
        ("fire3/add[0]", "fire3/concat", "fire3/concat", False),
        ("fire3/add[1]", "fire2/concat", "fire2/concat", False),
        ("fire3/concat[0]", "fire3/expand1x1", "fire3/expand1x1", False),
        ("fire3/concat[1]", "fire3/expand3x3", "fire3/expand3x3", False),
        ("fire3/expand1x1[0]", "fire3/squeeze", "fire3/expand3x3", True),
        ("fire3/expand3x3[0]", "fire3/squeeze", "fire3/squeeze", False),
        ("fire3/squeeze[0]", "fire2/concat", "fire2/concat", False),
        ("pool1[0]", "conv1", "conv1", False),
        ("sums[0]", "conv10", "conv10", False),
    ]
    names = [edge.name for edge in graph.readers("fire2/concat")]
    assert sorted(names) == ["fire3/add[1]", "fire3/squeeze[0]"]
    assert graph.taps("fire2/concat") == graph.readers("sums") == []
    squeezed = Edge("fire2/squeeze", "fire2/squeeze", "fire2/expand3x3", 0)
    assert graph.readers("fire2/squeeze") == [squeezed]
    assert graph.taps("fire2/expand3x3") == [replace(
        squeezed, source="fire2/expand3x3", target="fire2/expand1x1", tap=True
    )]  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_each_node_is_behind_all_that_it_reads(name: str):
    network = GRAPHS[name]()
    graph = Graph.of(network)
    assert set(graph.nodes) == {op.name for op in network.ops}
    place = {INPUT: -1} | {node.name: index for index, node in enumerate(graph)}
    level = {INPUT: -1} | graph.levels
    for op in network.ops:
        edges = graph.edges[op.name]
        assert [(edge.tensor, edge.port) for edge in edges] == [
            (x, port) for port, x in enumerate(op.inputs)
        ]
        assert all(place[edge.source] < place[op.name] for edge in edges)
        assert level[op.name] == 1 + max(level[edge.source] for edge in edges)


def test_levels_are_those_of_the_longest_way():
    levels = Graph.of(tiny_network()).levels
    assert levels == {
        "conv1": 0, "pool1": 1, "fire2/squeeze": 2, "fire2/expand3x3": 3, "fire2/expand1x1": 4,
        "fire2/concat": 5, "fire3/squeeze": 6, "fire3/expand3x3": 7, "fire3/expand1x1": 8,
        "fire3/concat": 9, "fire3/add": 10, "conv10": 11, "sums": 12,
    }  # fmt: skip


def test_bursts_come_from_the_pool_in_front():
    graph = Graph.of(tiny_network())  # a pool of 6 x 5 pixels, whose last windows are cut
    assert graph["fire2/squeeze"].bursts == (Burst(pace=2, rows=2),)
    assert graph["fire2/expand3x3"].bursts == graph["pool1"].bursts == (Burst(),)


def test_nodes_are_replaced_by_name():
    graph = Graph.of(tiny_network())
    other = Graph.of(tiny_network(2))
    mixed = graph.replaced({"conv10": other["conv10"]})
    assert mixed["conv10"] is other["conv10"]
    assert mixed["conv1"] is graph["conv1"]
    assert list(mixed.nodes) == list(graph.nodes)
    assert mixed.edges == graph.edges


# Windows that are shared


@pytest.mark.parametrize(("large", "one", "place"), [
    ({"kernel": 3, "pad": 1}, {}, (1, 1)),
    ({"kernel": 5, "pad": 2}, {}, (2, 2)),
    ({"kernel": 3, "pad": (0, 2, 2, 0)}, {}, (0, 2)),
    ({"kernel": 2, "pad": (1, 0, 0, 1)}, {}, (1, 0)),
    ({"kernel": 3, "pad": 1, "stride": 2}, {"stride": 2}, (1, 1)),
    ({"kernel": 3, "pad": (2, 2, 0, 0), "stride": 2}, {"stride": 2}, (2, 2)),
    ({"kernel": 3, "pad": (0, 1, 2, 1), "stride": 2}, {"stride": 2}, (0, 1)),
])  # fmt: skip
@pytest.mark.parametrize("swapped", [False, True])
def test_a_1x1_reads_the_pixel_of_each_window_at_its_own_place(large, one, place, swapped):
    convs = [dict(large), {"kernel": 1, **one}]
    _, graph = branches(*(reversed(convs) if swapped else convs))
    owner, other = "ba" if swapped else "ab"
    assert tapped(graph) == {other: owner}
    assert tap(graph, owner) == place
    assert tap(graph, other) is None


def test_a_tap_of_strided_windows_is_a_map_of_its_own():
    network, graph = branches({"kernel": 3, "pad": 1, "stride": 2}, {"kernel": 1, "stride": 2})
    node = graph["b"]
    assert isinstance(node, ConvNode)
    assert network.tensors["b"].shape == (4, 4, 4)
    assert node.inputs[0].shape == (4, 4, 5)
    assert (node.op.stride, node.shape.stride, node.shape.pixels) == (1, 1, 16)
    assert node.bursts == (Burst(),)


def test_a_tap_comes_evenly_though_its_windows_are_behind_a_pool():
    net = NetworkBuilder((8, 8, 3), 1)
    x = net.max_pool("pool", INPUT, 2, 2)
    ends = [net.conv(f"k{k}", x, 4, k, pad=k // 2, scale=1 / 100) for k in (1, 3)]
    graph = Graph.of(net.finish("net", net.concat("cat", *ends)))
    assert graph["k3"].bursts == (Burst(2, 1),)
    assert graph["k1"].bursts == (Burst(),)


@pytest.mark.parametrize(("convs", "shared"), [
    # The largest kernel is the owner, and the first of equals.
    ([{"kernel": 1}, {"kernel": 3, "pad": 1}, {"kernel": 5, "pad": 2}], {"a": "c"}),
    ([{"kernel": 3, "pad": 1}, {"kernel": 1}, {"kernel": 3, "pad": 1}], {"b": "a"}),
    ([{"kernel": 1}, {"kernel": 3, "pad": 1}, {"kernel": 1}], {"a": "b", "c": "b"}),
    # Nobody else has windows.
    ([{"kernel": 1}, {"kernel": 1}], {}),
    ([{"kernel": 3, "pad": 1}, {"kernel": 3, "pad": 1}], {}),
    # The 1x1 reads padding, too.
    ([{"kernel": 1, "pad": 1}, {"kernel": 3, "pad": 2}], {}),
    # As many windows, but each starts behind the pixel.
    ([{"kernel": 1, "stride": 2}, {"kernel": 3, "stride": 2, "pad": (3, 3, 0, 0)}], {}),
    ([{"kernel": 1, "stride": 2}, {"kernel": 3, "stride": 2, "pad": (0, 3, 2, 0)}], {}),
    ([{"kernel": 1, "stride": 2}, {"kernel": 3, "stride": 2, "pad": (3, 0, 0, 2)}], {}),
])  # fmt: skip
def test_whose_windows_are_read(convs, shared):
    assert tapped(branches(*(dict(conv) for conv in convs))[1]) == shared


@pytest.mark.parametrize(("one", "large"), [
    ({"kernel": 1}, {"kernel": 3}),  # 7 x 7 and 5 x 5 windows
    ({"kernel": 1}, {"kernel": 3, "pad": 1, "stride": 2}),
    ({"kernel": 1, "stride": 2}, {"kernel": 3, "pad": 1}),
    ({"kernel": 1, "stride": 3}, {"kernel": 3, "pad": 0, "stride": 2}),  # 3 x 3 both
])  # fmt: skip
def test_windows_of_other_sizes_or_strides_are_not_shared(one, large):
    net = NetworkBuilder((7, 7, 3), 1)
    x = net.conv("first", INPUT, 5, 1)
    ends = [net.conv(name, x, 4, scale=1 / 100, **options)
            for name, options in (("one", one), ("large", large))]  # fmt: skip
    sizes = [net._tensors[end].shape[0] for end in ends]
    # Brought to one size, so that they can be joined.
    ends = [net.conv(f"{end}/down", end, 4, size - min(sizes) + 1, scale=1 / 100)
            for end, size in zip(ends, sizes, strict=True)]  # fmt: skip
    assert tapped(Graph.of(net.finish("net", net.concat("cat", *ends)))) == {}


def test_pixels_can_be_shared_too():
    net = NetworkBuilder((7, 7, 3), 1)
    ends = [net.conv(f"k{k}", INPUT, 4, k, pad=k // 2, scale=1 / 100) for k in (1, 3)]
    assert tapped(Graph.of(net.finish("net", net.concat("cat", *ends)))) == {"k1": "k3"}


def test_the_order_of_ops_does_not_matter():
    convs: list[dict] = [{"kernel": 1}, {"kernel": 3, "pad": 1}, {"kernel": 5, "pad": 2}]
    for order in permutations(range(3)):
        _, graph = branches(*(dict(convs[k]) for k in order))
        place = {k: "abc"[order.index(k)] for k in range(3)}
        assert tapped(graph) == {place[0]: place[2]}
        assert graph.levels[place[0]] == graph.levels[place[2]] + 1


def test_only_a_node_with_windows_has_taps():
    graph = Graph.of(tiny_network())
    for name in ("pool1", "fire2/concat", "fire3/add", "sums"):
        with pytest.raises(TypeError, match=f"'{name}' has no windows"):
            graph[name].with_tap((0, 0))
        with pytest.raises(TypeError, match="has no windows"):
            graph[name].on_tap()


# What is refused


def test_a_tensor_that_nothing_reads_is_refused():
    net = NetworkBuilder((6, 6, 3), 1)
    x = net.conv("conv1", INPUT, 4, 1)
    net.conv("spare", x, 4, 3, pad=1)
    with pytest.raises(FirebrickError, match="network 'net': nothing reads 'spare'; leave it out"):
        Graph.of(net.finish("net", net.conv("conv2", x, 4, 1)))


def test_a_network_without_class_sums_is_refused():
    network = tiny_network()
    cut = replace(network, ops=network.ops[:-1])
    with pytest.raises(FirebrickError, match=r"'tiny': ends with 'conv10'; it must end with a glo"):
        Graph.of(cut)


def test_an_op_of_no_kind_is_refused(monkeypatch):
    kinds = [kind for kind in under_test.KINDS if kind is not GlobalSumNode]
    monkeypatch.setattr(under_test, "KINDS", kinds)
    with pytest.raises(
        FirebrickError, match="'tiny': node 'sums' \\(GlobalSum\\): there is no hardware for it; "
    ):
        Graph.of(tiny_network())


def test_a_node_says_why_it_is_refused(monkeypatch):
    monkeypatch.setattr(PoolNode, "refusal", property(lambda self: "has a kernel that is too odd"))
    with pytest.raises(
        FirebrickError, match="'tiny': node 'pool1' \\(MaxPool\\): has a kernel that is too odd"
    ):
        Graph.of(tiny_network())


def test_every_op_has_the_first_kind_that_builds_it():
    network = tiny_network()
    for node in Graph.of(network):
        builders = [kind for kind in under_test.KINDS if kind.builds(node.op, node.inputs[0])]
        assert type(node) is builders[0]
        assert isinstance(node, ConvNode) == isinstance(node.op, Conv)


# Paths beside each other


@pytest.mark.parametrize(("name", "expected"), [
    (
        "complex_bypass",
        {
            "fire2_bypass1x1", "fire2_cat", "fire2_expand1x1", "fire2_expand3x3", "fire2_squeeze",
        },
    ),
    ("resnet_stride", {"around", "b"}),
    ("bypass_two_modules", set()),  # nothing computes on the other path
    ("no_squeeze", set()),  # one window memory feeds both
    ("plain_chain", set()),
])  # fmt: skip
def test_nodes_beside_a_path_that_computes(name: str, expected: set[str]):
    assert Graph.of(GRAPHS[name]()).abreast == expected
