from dataclasses import replace

import numpy as np
import pytest

from bench.link import ARTY, light_network, measure, pace
from gen.common.build_folder import BuildFolder
from gen.link_options import Address, on_lan
from tests.networks import random_frames, tiny_network


def test_pixels_fill_a_serial_line(tmp_path):
    board = replace(ARTY, baud=10_000_000)
    network = tiny_network(1)
    figures = measure(network, board, random_frames(network, 12), BuildFolder(tmp_path / "board"))
    assert figures["wrong frames"] == 0
    assert 0.9 < figures["frames' bytes, of the line's rate"] < 1
    assert figures["frames/s"] == pytest.approx(figures["frames/s, as reported"], rel=0.03)


@pytest.mark.parametrize(("count", "first"), [(2, 0), (3, 1), (6, 3), (40, 8)])
def test_the_pace_is_that_of_the_last_frames(count, first):
    finished = np.arange(count) * 10
    finished[:first] = 0
    assert pace(finished) == 10


def test_pixels_fill_an_ethernet(tmp_path):
    board = on_lan(ARTY, Address())
    network = light_network()
    figures = measure(network, board, random_frames(network, 20), BuildFolder(tmp_path / "board"))
    assert figures["wrong frames"] == 0
    assert 0.9 < figures["frames' bytes, of the line's rate"] < 1
    assert figures["frames/s"] == pytest.approx(figures["frames/s, as reported"], rel=0.03)
