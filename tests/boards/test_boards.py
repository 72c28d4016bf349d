import re

import pytest
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import io

from boards import BOARDS
from boards.clocking import ClockGenerator


class Blink(Elaboratable):
    """A light and a clock: the least that uses a board."""

    def __init__(self, clock_hz: int):
        self._clock_hz = clock_hz

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.clock = ClockGenerator(self._clock_hz)
        light = Signal()
        m.d.sync += light.eq(~light)
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.comb += led.o.eq(light)
        return m


def test_boards_by_name():
    assert list(BOARDS) == ["arty_a7", "arty_a7_35", "genesys2"]
    for name, board in BOARDS.items():
        assert board.name == name
        assert board.platform().part == board.part


@pytest.mark.parametrize("name", BOARDS)
def test_build_files(name):
    board = BOARDS[name]
    files = board.platform().prepare(Blink(board.clock_hz), "top").files
    assert set(files) == {"top.il", "top.xdc", "build_vivado.tcl", "build_open.sh"}
    ports = re.findall(r"LOC \w+ \[get_ports \{(\w+)\}\]", files["top.xdc"])
    for port in ports:
        assert re.search(rf"wire .*\\{port}$", files["top.il"], re.MULTILINE), port
    assert len(set(re.findall(r"LOC (\w+)", files["top.xdc"]))) == len(ports)
    assert board.part in files["build_vivado.tcl"]
    assert board.part in files["build_open.sh"]
    assert "-nobram" not in files["build_open.sh"]


@pytest.mark.parametrize(("name", "pin"), [("arty_a7", "E3"), ("genesys2", "AD12")])
def test_the_oscillator_is_constrained(name, pin):
    files = BOARDS[name].platform().prepare(Blink(100_000_000), "top").files
    port = re.search(rf"LOC {pin} \[get_ports (\S+)\]", files["top.xdc"])[1]
    period = 1e9 / BOARDS[name].platform().default_clk_frequency
    assert re.search(rf"create_clock .* -period {period:g} \[get_ports {port}\]", files["top.xdc"])


def test_an_mmcm_only_where_the_clock_differs():
    platform = BOARDS["arty_a7"].platform
    assert "MMCME2_BASE" not in platform().prepare(Blink(100_000_000), "top").files["top.il"]
    assert "MMCME2_BASE" in platform().prepare(Blink(80_000_000), "top").files["top.il"]
    differential = BOARDS["genesys2"].platform().prepare(Blink(100_000_000), "top").files
    assert "IBUFDS" in differential["top.il"]
    assert "MMCME2_BASE" in differential["top.il"]
