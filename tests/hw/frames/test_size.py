"""What Yosys makes of the decoder for the 7-series, against what it was designed for."""

import json

import pytest

from boards import seven_series
from gen.backend.cells import count_cells
from gen.backend.rtlil import run_yosys, write_rtlil
from gen.timing.estimate import estimate
from gen.timing.netlist import read_netlist
from hw.frames.decoder import FrameDecoder

SHAPE = (224, 224, 3)
MOST_LUTS = 900
LONGEST_PATH = 6.5
"""Nanoseconds, with wires as they are on average."""


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    """The decoder's netlist, and how many cells of each kind there are."""
    folder = tmp_path_factory.mktemp("size")
    design, made, statistics = (folder / name for name in ("a.il", "netlist.json", "stat.json"))
    write_rtlil(FrameDecoder(SHAPE), design, "decoder")
    run_yosys(
        f'read_rtlil "{design}"',
        *seven_series.synthesis("decoder", pads=False),
        f'tee -q -o "{statistics}" stat -json',
        f'write_json "{made}"',
    )
    cells = json.loads(statistics.read_text())["design"]["num_cells_by_type"]
    return made, cells


def test_the_decoder_is_small(netlist):
    count = count_cells("xc7", netlist[1])
    assert count.dsp == count.bram18 == count.bram36 == 0
    # A row of levels and magnitudes, 14 bits of each of some 660 samples, at 64 bits a LUT.
    assert 100 < count.lutram < 200
    assert count.lut <= MOST_LUTS


def test_the_decoder_is_fast(netlist):
    found = estimate(read_netlist([netlist[0]], "decoder"), "xc7")
    assert found.ns <= LONGEST_PATH
