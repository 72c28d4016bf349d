import io

import pytest
from rich.console import Console

from bench import boards as bench_boards
from bench.boards import planned_at_widest, run
from boards import BOARDS
from gen.board_table import Planned, stored_figures
from gen.compile import Request, compile_network
from gen.link_options import Address, on_lan
from gen.plan.planner import Goal
from tests.networks import tiny_network
from tests.paths import SHARED


def same(found: Planned | None, stored: dict | None) -> bool:
    """Whether a plan is the stored one, or as good as."""
    if found is None or stored is None:
        return found is stored
    kept = Planned(**stored)
    assert found.frames_per_second == pytest.approx(kept.frames_per_second, rel=0.02)
    return (found.link, found.bits, found.utilisation) == (kept.link, kept.bits, kept.utilisation)


@pytest.mark.parametrize(
    ("name", "link"), [("arty_a7_35", "uart"), ("nexys_video", "ethernet"), ("ecpix5_45", None)]
)
def test_the_default_fits_where_it_is_kept_that_it_does(name, link):
    default, stored = compile_network(Request()), stored_figures()[name]["default"]
    assert link == (None if stored is None else stored["link"])
    board = BOARDS[name]
    assert Goal(on_lan(board, Address())).holds(default) == (link == "ethernet")
    assert Goal(board).holds(default) == (link is not None)


def test_the_widest_weights_that_fit(monkeypatch):
    monkeypatch.setattr(bench_boards, "UTILISATIONS", (0.0001, 0.5))
    asked = []

    def network_of(bits):
        asked.append(bits)
        return tiny_network(1)

    found = planned_at_widest(BOARDS["nexys_video"], network_of)
    assert (asked, found.bits, found.utilisation, found.link) == ([8], 8, 0.5, "ethernet")
    monkeypatch.setattr(bench_boards, "UTILISATIONS", (0.0001,))
    assert planned_at_widest(BOARDS["nexys_video"], network_of) is None
    assert tuple(asked[1:]) == bench_boards.BITS


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "models").is_dir(), reason=f"real networks are not in {SHARED}")
def test_all_that_is_kept():
    out = io.StringIO()
    found = run(Console(file=out), SHARED)
    assert found.keys() == stored_figures().keys()
    for name, entries in stored_figures().items():
        for network, stored in entries.items():
            made = found[name][network]
            assert same(None if made is None else Planned(**made), stored), (name, network)
    assert "nexys_video" in out.getvalue()
