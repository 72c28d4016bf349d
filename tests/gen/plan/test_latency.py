from dataclasses import replace

import pytest

from boards import BOARDS
from gen.link_options import Address, on_lan
from gen.nodes.graph import Graph
from gen.plan.latency import latency
from gen.plan.planner import plan
from tests.networks import tiny_network

ARTY = BOARDS["arty_a7"]


def test_the_time_is_split():
    network = tiny_network(1)
    graph, made = Graph.of(network), plan(network, ARTY)
    raw = latency(network, ARTY, made, graph)
    # A packet of 360 pixels, two escaped, 13 bytes around them; they leave the shell one a cycle.
    assert raw.line_in == pytest.approx(375 * 10 / ARTY.baud)
    assert raw.decoder == pytest.approx(360 / made.clock_hz)
    assert raw.total == sum((raw.line_in, raw.decoder, raw.accelerator, raw.line_out))
    coded = latency(network, replace(ARTY, coded=True), made, graph)
    assert coded.line_in < raw.line_in
    assert coded.accelerator == pytest.approx(raw.accelerator, rel=0.01)
    lan = latency(network, on_lan(ARTY, Address()), made, graph)
    assert lan.line_in < raw.line_in
    assert lan.line_out < raw.line_out
