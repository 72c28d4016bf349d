"""Networks of many shapes, from integers to the simulated accelerator: tensors, pace and queues."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gen.plan.queues import waits
from tests.designs import Design, most_held
from tests.gen.backend.test_assemble import small_board
from tests.graphs import GRAPHS
from tests.harness import StreamBench
from tests.harness.stream_bench import Result
from tests.networks import NetworkBuilder

TARGET = 2000
"""Cycles a frame that will do."""
STALLS: tuple[Any, ...] = (0.4, {"i": 0.8}, {"o": 0.998})
"""Of both ends, of the pixels, and of the few class sums, which then hold all nodes up."""
TELLING = 8
"""Pixels that must wait for their number to be compared: a transfer more or less does not count."""
FILLED = 0.6
"""Part of the pixels that wait by the analysis, which thinks of the worst, that really do."""


@cache
def design(name: str) -> Design:
    """One of the networks, for a small board."""
    return Design.of(GRAPHS[name](), small_board(dsp=100), TARGET)


def check_queues(design: Design, result: Result) -> None:
    """Check that no queue overflows, and that those for a longer path are needed."""
    analysed = waits(design.graph, design.plan.cycles, design.plan.nodes)
    for module, _, queue in design.queues():
        held = most_held(result, module)
        assert 0 < held <= queue.depth + 1, module
        pixels = analysed[queue.join].pixels
        if pixels > TELLING:
            transfers = queue.depth / queue.pixels
            assert held / transfers >= FILLED * pixels, module


@pytest.mark.parametrize("name", GRAPHS)
def test_every_tensor_and_the_pace_are_as_told(name: str, tmp_path: Path):
    made = design(name)
    bench = made.bench(tmp_path)
    for seed, stalls in enumerate(STALLS):
        made.run(bench, made.inner(), stalls=stalls, seed=seed)
    result = made.run(bench, made.waiting())
    assert result.period("o") == pytest.approx(made.plan.cycles, rel=0.01)
    check_queues(made, result)


def test_queues_of_rejoining_paths_are_among_them():
    telling = {
        name
        for name in GRAPHS
        for made in [design(name)]
        for wait in waits(made.graph, made.plan.cycles, made.plan.nodes).values()
        if wait.pixels > TELLING
    }
    assert telling >= {"complex_bypass", "bypass_two_modules", "resnet_stride"}


def test_parts_narrower_than_their_concatenation_do_not_slow_it_down(tmp_path: Path):
    builder = NetworkBuilder((8, 8, 3), 3)
    x = builder.conv("conv1", "input", 4, 1)
    one = builder.conv("one", x, 16, 1, scale=0.01)
    three = builder.conv("three", x, 16, 3, pad=1, scale=0.01)
    joined = builder.concat("joined", one, three)
    network = builder.finish("narrow", builder.conv("conv10", joined, 4, 1))
    made = Design.of(network, small_board(dsp=100), cycles=1024)
    lanes = {name: node.lanes for name, node in made.plan.nodes.items()}
    assert lanes["one"] < lanes["joined"]
    result = made.run(StreamBench(made.hardware, "accelerator", tmp_path), {})
    assert result.period("o") == made.plan.cycles
