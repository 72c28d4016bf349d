from gen.ir.ops import BOARD
from gen.nodes.graph import Graph
from gen.report.figures import Figures
from gen.report.words import elided, number, printable


def test_layers_are_the_plans(figures):
    assert [layer.name for layer in figures.layers] == [op.name for op in figures.network.ops]
    for layer in figures.layers:
        assert layer.cost is figures.plan.costs[layer.name]
    assert sum(layer.multipliers for layer in figures.layers) == figures.multipliers
    assert sum(layer.weights for layer in figures.layers) == figures.network.weight_count
    assert figures.shell is figures.plan.costs[BOARD]
    what = {layer.name: layer.what for layer in figures.layers}
    assert what["conv1"] == "conv 3x3 / 2"
    assert what["pool1"] == "max pool 3x3 / 2"
    assert what["sums"] == "global sum"


def test_memories_hold_the_weights(figures):
    memories = [layer.memory for layer in figures.layers if layer.memory]
    assert len(memories) == len(figures.network.convs)
    assert sum(memory.bits for memory in memories) == figures.network.weight_bit_count
    kinds = figures.memories
    assert sum(kind.layers for kind in kinds) == len(memories)
    for kind in kinds:
        assert kind.wasted >= kind.taken - kind.bits
        assert kind.taken > 0
    assert sum(figures.block_rams.values()) == figures.plan.resources.bram36
    assert all(blocks >= 0 for blocks in figures.block_rams.values())


def test_streams_are_the_graphs(figures):
    edges = [edge for own in Graph.of(figures.network).edges.values() for edge in own]
    found = [(stream.source, stream.target, stream.tap) for stream in figures.streams]
    assert found == [(edge.source, edge.target, edge.tap) for edge in edges]
    assert sum(stream.queued > 0 for stream in figures.streams) == len(figures.plan.queues)


def test_what_limits_follows_from_the_rates(figures):
    assert figures.link_limits
    assert figures.frames_per_second == figures.link.frames_per_second
    slow = Figures(figures.network, figures.plan, figures.board)
    slow.__dict__["link"] = type(figures.link)("fast", 1e9, None, 1, 1, 1)
    assert not slow.link_limits
    assert slow.frames_per_second == figures.plan.frames_per_second
    assert slow.what_limits.startswith("the accelerator")
    coded = type(figures.link)("coded", 1.0, 1e9, 1, 1, 1)
    assert coded.frames_per_second == 1e9


def test_numbers_and_names():
    assert number(1234567.5) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567.5"
    assert number(0.5) == "0.5"
    assert number(12) == "12"
    assert printable("a\x00b\nc\ud800 \u00a0") == "a\ufffdb c\ufffd \u00a0"
    assert elided("conv1", 5) == "conv1"
    assert elided("features/squeeze/Conv", 10) == "fea…e/Conv"
    assert len(elided("features/squeeze/Conv", 10)) == 10
    assert elided("abc", 1) == "…"
