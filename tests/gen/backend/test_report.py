from dataclasses import replace

from boards import BOARDS
from gen.backend.report import WIDTH, text_report
from gen.nodes.graph import Graph
from gen.plan.link import link_frames_per_second
from gen.plan.planner import plan
from gen.plan.queues import waits
from tests.networks import conv_network, tiny_network

BOARD = BOARDS["arty_a7"]


def test_the_report_tells_layers_and_limits():
    network = tiny_network()
    text = text_report(network, plan(network, BOARD), BOARD)
    for op in network.ops:
        assert op.name in text
    assert "RAMB36" in text
    assert f"{link_frames_per_second(network, BOARD):.1f} frames/s" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_of_many_slowest_layers_some_are_named():
    network = tiny_network()
    made = plan(network, BOARD)
    convs = {op.name for op in network.convs}
    names = [name for name in made.costs if name in convs]
    for count, told in (
        (1, f"(slowest: {names[0]})"),
        (3, f"(slowest: {', '.join(names[:3])})"),
        (5, f"(slowest: {', '.join(names[:3])} and 2 more)"),
    ):
        costs = {
            name: replace(cost, cycles=made.cycles - (name not in names[:count]))
            for name, cost in made.costs.items()
        }
        text = text_report(network, replace(made, costs=costs), BOARD)
        assert told in " ".join(text.split())


def test_queues_of_rejoining_paths_are_told():
    network = tiny_network()
    made = plan(network, BOARD)
    lines = text_report(network, made, BOARD).splitlines()
    start = next(n for n, line in enumerate(lines) if "Queues where paths rejoin" in line)
    rows = [line.split() for line in lines[start:] if "fire3/add" in line]
    queue = made.queues["fire3/add[1]"]
    longest = waits(Graph.of(network), made.cycles, made.nodes)["fire3/add[1]"].cycles
    told = [str(queue.pixels), f"{longest / made.clock_hz * 1e6:.1f}", str(queue.depth)]
    assert rows == [["fire3/add", "fire2/concat", *told, str(queue.lanes), queue.memory]]
    straight = conv_network()
    assert "Queues" not in text_report(straight, plan(straight, BOARD), BOARD)
