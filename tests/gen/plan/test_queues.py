"""Queues where paths rejoin: against an even schedule told pixel by pixel."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, lcm

import pytest

from gen.cost.memories import memory_cost
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.nodes import add, concat, conv, pool
from gen.nodes.add import AddNode
from gen.nodes.concat import ConcatNode
from gen.nodes.conv import ConvNode
from gen.nodes.global_sum import GlobalSumNode
from gen.nodes.graph import Edge, Graph
from gen.nodes.lanes import pixels
from gen.nodes.node import Node
from gen.nodes.pool import PoolNode
from gen.plan.limits import lanes_of
from gen.plan.plan import Plan
from gen.plan.queues import MARGIN, MOST_LUT_BITS, Wait, queues, usual_queues, waits
from hw.layers.folding import EnginePlan
from tests.gen.plan.dataflow import window_ends
from tests.gen.plan.rejoining import GRAPHS, NETWORKS, SCALE, made, planned, three
from tests.networks import NetworkBuilder

Times = list[float]


def exact_period(graph: Graph, least: int = 5000) -> int:
    """A period in which every tensor's pixels come in whole cycles."""
    every = lcm(*(pixels(node.output) for node in graph), pixels(next(iter(graph)).inputs[0]))
    return ceil(least / every) * every


# The schedule, told pixel by pixel


def evenly(needed: Times, period: int, delay: float) -> Times:
    """The first even sequence of pixels in which none leaves before it can."""
    pace = period / len(needed)
    start = needed[0] + delay
    for index, time in enumerate(needed):
        start = max(start, time + delay - index * pace)
    return [start + index * pace for index in range(len(needed))]


def departures(node: Node, arrivals: list[Times], period: int) -> Times:
    if isinstance(node, ConvNode):
        needed = [arrivals[0][end] for end in window_ends(node)]
        return evenly(needed, period, conv.USUAL_LATENCY + period / len(needed))
    if isinstance(node, PoolNode):
        return [arrivals[0][end] + pool.LATENCY for end in window_ends(node)]
    if isinstance(node, GlobalSumNode):
        return arrivals[0][-1:]
    assert isinstance(node, AddNode | ConcatNode)
    latency = add.LATENCY if isinstance(node, AddNode) else concat.LATENCY
    return [max(times) + latency for times in zip(*arrivals, strict=True)]


def schedule(graph: Graph, period: int) -> Iterator[tuple[Edge, Times, Times]]:
    """For every edge, when each pixel of a frame comes to its end, and when it is taken."""
    count = pixels(next(iter(graph)).inputs[0])
    left = {INPUT: [index * period / count for index in range(count)]}
    for node in graph:
        arrivals = []
        for edge in graph.edges[node.name]:
            times = left[edge.source]
            if edge.tap:  # as each window is begun
                early = conv.USUAL_LATENCY + period / len(times)
                times = [time - early for time in times]
            arrivals.append(times)
        left[node.name] = departures(node, arrivals, period)
        joined = [max(times) for times in zip(*arrivals, strict=True)]
        for edge, times in zip(graph.edges[node.name], arrivals, strict=True):
            yield edge, times, joined


def play(come: Times, taken: Times, period: int) -> Wait:
    """What waits in a queue of many frames, event by event."""
    frames = 2 + ceil((taken[-1] - come[0]) / period)
    events = [
        (time + frame * period, what)
        for frame in range(frames)
        for what, times in ((0, come), (1, taken))
        for time in times
    ]
    held = most = 0
    for _, what in sorted(events):
        held += -1 if what else 1
        assert held >= 0
        most = max(most, held if what else 0)
    longest = max(after - before for before, after in zip(come, taken, strict=True))
    return Wait(most, longest)


@pytest.mark.parametrize("name", GRAPHS)
def test_waits_are_those_of_the_schedule(name: str):
    graph = GRAPHS[name]
    period = exact_period(graph)
    found = waits(graph, period)
    counted = {edge.name: play(come, go, period) for edge, come, go in schedule(graph, period)}
    assert found == counted
    assert any(wait.pixels > 1 for wait in counted.values()) or name == "tiny"


@pytest.mark.parametrize("name", GRAPHS)
def test_streams_are_in_order_and_take_a_frame_a_period(name: str):
    graph = GRAPHS[name]
    period = exact_period(graph)
    for _, come, taken in schedule(graph, period):
        for times in (come, taken):
            assert all(before <= after for before, after in pairwise(times))
            assert times[-1] - times[0] < period


# By hand: maps of 6 x 6 pixels, one in 100 cycles.


def test_a_bypass_around_a_3x3():
    # Pixel (r, c) needs (r + 1, c + 1), 7 pixels on; it takes a pixel's time, and 64 cycles.
    found = waits(GRAPHS["bypass"], 3600)
    assert found["add[1]"] == Wait(pixels=8, cycles=7 * 100 + 100 + 64)
    assert found["add[0]"] == found["c[0]"] == Wait(0, 0.0)


def test_a_bypass_around_two_modules():
    found = waits(GRAPHS["two modules"], 3600)
    # A squeeze layer takes 164 cycles, and its 3x3 another 864.
    module = (100 + 64) + (7 * 100 + 100 + 64)
    # The 1x1 has its taps 164 cycles before the 3x3's results, as each window is begun, and takes
    # as many.
    assert found["fire2/concat[0]"] == found["fire2/concat[1]"] == Wait(0, 0.0)
    assert found["add[0]"] == Wait(pixels=20, cycles=2 * (module + concat.LATENCY))
    assert found["add[1]"] == Wait(0, 0.0)


def test_a_bypass_behind_a_pool():
    # 25 cycles a pixel of 12 x 12. Of row r of the pool's output, pixel c comes at
    # (24 r + 12 + 2 c + 1) 25 = 600 r + 50 c + 325. The 3x3 gives its pixels evenly, 100 cycles
    # each; the first column has to wait longest for what it needs, 975 behind its even turn.
    # So (r, c) leaves at 600 r + 100 c + 975 + 164.
    found = waits(GRAPHS["pool"], 3600)
    assert found["add[0]"].cycles == 975 + 164 - 325 + 5 * 50
    # When (r, 0) leaves the queue, there are 5 more of its row, and 5 that came before
    # 600 r + 1139 of the next one.
    assert found["add[0]"].pixels == 10
    assert found["add[1]"] == Wait(0, 0.0)


# Queues


def edges(graph: Graph) -> dict[str, Edge]:
    return {edge.name: edge for own in graph.edges.values() for edge in own}


def busy(plan: Plan) -> dict[str, int]:
    return {name: plan.costs[name].cycles for name in plan.nodes}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("part", [2, 9])
def test_each_wait_has_its_queue(name: str, part: int):
    graph, plan = GRAPHS[name], made(name, part)
    assert plan.queues == queues(graph, plan.nodes, busy(plan), plan.cycles)
    joins = {queue.join: queue for queue in plan.queues.values()}
    assert len(joins) == len(plan.queues)
    for edge_name, wait in waits(graph, plan.cycles, plan.nodes).items():
        edge = edges(graph)[edge_name]
        room = max(wait.pixels + MARGIN if wait.pixels else 0, graph[edge.target].fewest_waiting)
        assert room <= (joins[edge_name].pixels if edge_name in joins else 0)
        if edge.port or not graph[edge.target].border(plan.nodes[edge.target]):
            assert room == (joins[edge_name].pixels if edge_name in joins else 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_queues_have_room_for_whole_pixels(name: str):
    graph, plan = GRAPHS[name], made(name)
    for edge_name, queue in plan.queues.items():
        edge = edges(graph)[edge_name]
        x = graph[edge.target].inputs[edge.port]
        source = lanes_of(edge, plan.nodes)
        own = graph[edge.target].port_lanes(plan.nodes[edge.target], source)
        assert queue.lanes in (source, own)
        assert queue.depth == max(2, queue.pixels * x.shape[2] // queue.lanes)
        assert queue.memory == ("block" if queue.depth * queue.lanes * 8 > 8192 else "lut")
        assert queue.cost == memory_cost(queue.memory, queue.depth, 8 * queue.lanes)


def test_concatenations_have_two_pixels_in_front_of_each_part():
    for number, queue in enumerate(made("tiny").queues[f"fire2/concat[{k}]"] for k in (0, 1)):
        assert queue.pixels == 2
        assert queue.join == f"fire2/concat[{number}]"


def test_a_large_queue_is_in_block_ram():
    graph = Graph.of(three(40))  # a row of 40 pixels, 4 channels
    lanes = dict.fromkeys(["input", *graph.nodes], 1)
    (queue,) = usual_queues(graph, lanes, 40 * 40 * 4).values()
    assert queue.pixels == waits(graph, 40 * 40 * 4)["add[1]"].pixels + MARGIN > 40
    assert queue.depth * 8 <= MOST_LUT_BITS
    assert queue.memory == "lut"
    graph = Graph.of(three(300))
    (queue,) = usual_queues(graph, lanes, 300 * 300 * 4).values()
    assert queue.depth * 8 > MOST_LUT_BITS
    assert queue.memory == "block"


# Where a queue stands


def around(channels: int, behind: int, *, twice: bool = False) -> QuantizedNetwork:
    """A 1x1 beside two 3x3 from a map of so many channels, to a sum of so many behind."""
    net = NetworkBuilder((8, 8, 3), 1)
    x = net.conv("first", INPUT, channels, 1)
    y = net.conv("a", x, behind, 3, pad=1)
    y = net.conv("b", y, behind, 3, pad=1)
    skip = net.conv("skip", net.conv("before", x, channels, 1), behind, 1)
    x = net.add("add", skip, y)
    if twice:
        x = net.add("again", skip, x)
    return net.finish("around", net.conv("last", x, 2, 1))


@pytest.mark.parametrize(("channels", "behind", "place"), [(4, 12, "skip[0]"), (12, 4, "add[0]")])
def test_a_queue_stands_where_there_are_fewer_channels(channels: int, behind: int, place: str):
    network = around(channels, behind)
    plan, graph = planned(network, 4), Graph.of(network)
    (queue,) = (queue for queue in plan.queues.values() if queue.join == "add[0]")
    assert plan.queues[place] == queue
    assert queue.pixels == waits(graph, plan.cycles, plan.nodes)["add[0]"].pixels + MARGIN
    assert queue.depth * queue.lanes == queue.pixels * min(channels, behind)


def test_a_queue_for_one_reader_does_not_stand_before_what_two_read():
    network = around(4, 12, twice=True)
    joins = {queue.join: name for name, queue in planned(network, 4).queues.items()}
    assert joins["add[0]"] == "add[0]"
    assert joins["again[0]"] == "again[0]"


def test_the_two_pixels_of_a_concatenation_stand_right_in_front_of_it():
    net = NetworkBuilder((6, 6, 3), 1)
    x = net.conv("first", INPUT, 2, 1)
    parts = [net.conv(f"k{k}", x, 40, k, pad=k // 2, scale=SCALE) for k in (1, 3)]
    network = net.finish("joined", net.conv("last", net.concat("cat", *parts), 2, 1))
    assert set(planned(network, 4).queues) >= {"cat[0]", "cat[1]"}


# Padding between frames


def padded() -> QuantizedNetwork:
    """A 5x5 whose padding is as large as its map, behind a pool and a convolution."""
    net = NetworkBuilder((12, 12, 3), 1)
    x = net.max_pool("pool", net.conv("a", INPUT, 4, 3, pad=1), 2, 2)
    return net.finish("padded", net.conv("b", x, 4, 5, pad=2))


def test_pixels_wait_while_padding_is_written_if_none_in_front_has_the_time():
    network = padded()
    graph, plan = Graph.of(network), planned(network, 4)
    engine, period = plan.nodes["b"], plan.cycles
    assert isinstance(engine, EnginePlan)
    border = (4 * 10 + 4) * ceil(4 / engine.simd)  # rows above and below, and columns
    assert graph["b"].border(plan.nodes["b"]) == border
    late = dict.fromkeys(graph.nodes, 0) | {"a": period - border + 1}
    queue = queues(graph, plan.nodes, late, period)["b[0]"]
    assert queue.pixels == ceil(border * 36 / period)
    assert queue.join == "b[0]"
    for early in ({"a": period - border}, {"b": period, "pool": period}):
        idle = dict.fromkeys(graph.nodes, 0) | early
        assert "b[0]" not in queues(graph, plan.nodes, idle, period)


def test_the_link_waits_while_padding_is_written():
    network = padded()
    graph, plan = Graph.of(network), planned(network, 4)
    assert graph["a"].border(plan.nodes["a"]) > 0
    late = dict.fromkeys(graph.nodes, plan.cycles)
    assert "a[0]" not in queues(graph, plan.nodes, late, plan.cycles)
