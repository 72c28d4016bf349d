from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from bench import link
from bench.link import compiled, measure, pace
from bench.link_cases import ARTY, CASES, light_network
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.link_options import Address, on_lan
from gen.plan.planner import plan
from tests.networks import random_frames, tiny_network


def test_pixels_fill_a_serial_line(tmp_path):
    board = replace(ARTY, baud=10_000_000)
    network = tiny_network(1)
    linked = compiled(network, plan(network, board), board, BuildFolder(tmp_path / "board"))
    figures = measure(linked, random_frames(network, 12))
    assert figures["wrong frames"] == 0
    assert 0.9 < figures["frames' bytes, of the line's rate"] < 1
    assert figures["frames/s"] == pytest.approx(figures["frames/s, as reported"], rel=0.03)


@pytest.mark.parametrize(("count", "first"), [(2, 0), (3, 1), (6, 3), (40, 8)])
def test_the_pace_is_that_of_the_last_frames(count, first):
    finished = np.arange(count) * 10
    finished[:first] = 0
    assert pace(finished) == 10


def test_only_some_cases_are_played(monkeypatch, tmp_path):
    played = []

    def play(console, case, shared, limit):
        played.append(case.title)
        yield case.title, {"frames/s": 1.0, "wrong frames": 0}

    monkeypatch.setattr(link, "_play", play)
    found = link.run(Console(quiet=True), tmp_path, only=("v1.1*",))
    assert played == list(found) == [case.title for case in CASES if case.title[:4] == "v1.1"]
    assert len(played) == 2
    with pytest.raises(FirebrickError, match="no case is called 'v2 or v3'; there are light, UART"):
        link.run(Console(quiet=True), tmp_path, only=("v2", "v3"))


def test_pixels_fill_an_ethernet(tmp_path):
    board = on_lan(ARTY, Address())
    network = light_network()
    linked = compiled(network, plan(network, board), board, BuildFolder(tmp_path / "board"))
    figures = measure(linked, random_frames(network, 20))
    assert figures["wrong frames"] == 0
    assert 0.9 < figures["frames' bytes, of the line's rate"] < 1
    assert figures["frames/s"] == pytest.approx(figures["frames/s, as reported"], rel=0.03)
