"""What the driver sends by way of a DMA, on the gateware: a run of the core, beat by beat."""

import sys

import numpy as np
import pytest

from host.pynq_overlay import PynqOverlay
from tests.harness.shared import shared_folder
from tests.host.stand_in_pynq import StandIn
from tests.hw.axi.cores import CoreBench, address
from tests.networks import random_frames


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    built = shared_folder(tmp_path_factory, "cores_of_all_widths")
    return CoreBench.of_all_widths(built, tmp_path_factory.mktemp("cores"))


@pytest.mark.parametrize("bits", [8, 32])
def test_the_core_answers_as_the_driver_was_answered(cores, bits, monkeypatch, tmp_path):
    board = StandIn(cores.network, bits)
    monkeypatch.setitem(sys.modules, "pynq", board.module())
    path = tmp_path / "system.bit"
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    with PynqOverlay(path, cores.network) as driver:
        results = list(driver.stream(random_frames(cores.network, 3)))
    sums = np.concatenate([result.sums for result in results]).tolist()
    outcome = cores.run(
        bits,
        [
            ["send", [beat for frame in board.core.frames for beat in frame]],
            ["receive", "m_axis", len(sums)],
            ["read", address("ACCEPTED")],
            ["read", address("MALFORMED")],
        ],
    )
    assert [beat[0] for beat in outcome.sums] == [value % 2**32 for value in sums]
    assert [value for value, _ in outcome.results[2:]] == [3, 0]
