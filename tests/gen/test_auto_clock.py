"""How ``--clock auto`` goes about it; builds and routers are stand-ins."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from boards import BOARDS
from gen.auto_clock import build_fastest
from gen.backend.routing import ClockRate, Routing
from gen.board_build import Built
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError


@dataclass
class StandIn:
    """Builds in no time; ``reached`` is what routing reaches at each clock, in MHz."""

    estimate: float
    reached: dict[float, float]
    bitstream: bool = True
    phy: float = 125.0
    board = BOARDS["arty_a7"]
    tried: list[float] = field(default_factory=list)

    def estimated(self, clock_hz, folder):
        return SimpleNamespace(mhz=self.estimate)

    def build(self, clock_hz, folder):
        mhz = clock_hz / 1e6
        self.tried.append(mhz)
        folder.path.mkdir()
        folder.bitstream.write_text(f"at {mhz:g}")
        folder.manifest_path.write_text("{}")
        clocks = (
            ClockRate("clk", self.reached.get(mhz, mhz), mhz),
            ClockRate("eth_rx", self.phy, 125),
        )
        routing = Routing("a tool", clocks, {}) if self.bitstream else None
        plan: Any = SimpleNamespace(clock_hz=clock_hz)
        return Built(self.board, plan, routing=routing)


def fastest(builder, folder):
    return build_fastest(builder, folder, 100_000_000)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Clocks are multiples of half a MHz, from 5 MHz up."""

    def below(board, hz):
        return None if hz < 5e6 else int(hz) // 500_000 * 500_000

    monkeypatch.setattr("gen.auto_clock.clock_below", below)


@pytest.fixture
def folder(tmp_path):
    return BuildFolder(tmp_path / "board")


def test_without_a_bitstream_it_is_the_estimate(folder):
    builder = StandIn(93.7, {}, bitstream=False)
    assert fastest(builder, folder).plan.clock_hz == 93_500_000
    assert folder.bitstream.read_text() == "at 93.5"


@pytest.mark.parametrize(
    ("reached", "tried", "best"),
    [
        ({90.0: 91.0}, [90], 90),  # routing confirms it, and promises little more
        ({90.0: 84.2, 84.0: 84.1}, [90, 84], 84),  # what routing reaches
        ({90.0: 99.7, 99.5: 99.9}, [90, 99.5], 99.5),  # it promises more, and keeps it
        ({90.0: 99.7, 99.5: 89.0}, [90, 99.5], 90),  # it promises more in vain
        ({90.0: 99.7, 99.5: 95.2, 95.0: 95.0}, [90, 99.5, 95], 95),  # half of it
    ],
)
def test_routing_has_the_last_word(folder, reached, tried, best):
    builder = StandIn(90.3, reached)
    assert fastest(builder, folder).plan.clock_hz == best * 1e6
    assert builder.tried == tried
    assert folder.bitstream.read_text() == f"at {best:g}"


def test_it_ends_where_routing_never_confirms(folder):
    builder = StandIn(90.3, {90.0: 80.2, 80.0: 70.2, 70.0: 60.0})
    with pytest.raises(FirebrickError, match=r"60.0 MHz of 70 wanted"):
        fastest(builder, folder)
    assert builder.tried == [90, 80, 70]
    assert not folder.path.exists()


def test_a_phy_that_is_too_slow_is_not_mended_by_another_clock(folder):
    builder = StandIn(90.3, {}, phy=120.0)
    with pytest.raises(FirebrickError, match="Ethernet"):
        fastest(builder, folder)
    assert builder.tried == [90]


def test_a_design_that_is_good_for_nothing_says_so(folder):
    with pytest.raises(FirebrickError, match=r"no clock as slow as the 4.0 MHz"):
        fastest(StandIn(4.0, {}), folder)
