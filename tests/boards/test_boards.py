import inspect
import re
from pathlib import Path

import pytest
from amaranth.hdl import ClockDomain, Const, Elaboratable, Module, Signal
from amaranth.lib import io

from boards import BOARDS
from boards.clocking import ClockGenerator
from boards.top import BoardTop

LONGEST = 60
"""Lines of a board's file."""


class Blink(Elaboratable):
    """A light and a clock: the least that uses a board."""

    def __init__(self, clock_hz: int):
        self._clock_hz = clock_hz

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = domain = ClockDomain()
        platform.add_clock_constraint(domain.clk, self._clock_hz)
        m.submodules.clock = ClockGenerator(self._clock_hz)
        light = Signal()
        m.d.sync += light.eq(~light)
        m.submodules.led = led = io.Buffer("o", platform.request("led", 0, dir="-"))
        m.d.comb += led.o.eq(light)
        return m


class Echo(Blink):
    """With the UART, whose output is its input."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += tx.o.eq(rx.i)
        platform.hold_pins(m)
        return m


class Idle(Elaboratable):
    """A board's link that does nothing."""

    o_busy = o_wrong = Const(0)

    def elaborate(self, platform):
        return Module()

    def connect_pads(self, m, platform, clock):
        pass


def named(family):
    return [name for name, board in BOARDS.items() if board.family == family]


def test_boards_by_name():
    assert named("xc7") == [
        *("arty_a7", "arty_a7_35", "nexys_a7", "nexys_video"),
        *("genesys2", "kc705", "zybo_z7_20", "pynq_z2"),
    ]
    assert named("ecp5") == ["ulx3s_85", "ecpix5_85", "ecpix5_45", "orangecrab_85", "colorlight_i9"]
    for name, board in BOARDS.items():
        assert board.name == name
        assert board.platform().part == board.part


def test_a_board_is_a_short_file():
    files = {Path(inspect.getfile(board.platform)) for board in BOARDS.values()}
    assert {path.parent.name for path in files} == {"boards"}
    lengths = {path.name: len(path.read_text().splitlines()) for path in files}
    assert {name for name, length in lengths.items() if length > LONGEST} == set()


@pytest.mark.parametrize("name", named("xc7"))
def test_build_files(name):
    board = BOARDS[name]
    files = board.platform().prepare(Echo(board.clock_hz), "top").files
    assert set(files) == {"top.il", "top.xdc", "nextpnr.xdc", "build_vivado.tcl", "build_open.sh"}
    ports = re.findall(r"LOC \w+ \[get_ports \{(\w+)\}\]", files["top.xdc"])
    for port in ports:
        assert re.search(rf"wire .*\\{port}$", files["top.il"], re.MULTILINE), port
    assert len(set(re.findall(r"LOC (\w+)", files["top.xdc"]))) == len(ports) >= 4
    standards = re.findall(r"IOSTANDARD \w+ \[get_ports \{(\w+)\}\]", files["top.xdc"])
    assert standards == ports
    assert board.part in files["build_vivado.tcl"]
    assert board.part in files["build_open.sh"]
    assert "-nobram" not in files["build_open.sh"]


@pytest.mark.parametrize("name", named("ecp5"))
def test_build_files_for_ecp5(name):
    board = BOARDS[name]
    files = board.platform().prepare(Echo(board.clock_hz), "top").files
    assert set(files) == {"top.il", "top.lpf", "build_open.sh"}
    sites = dict(re.findall(r'LOCATE COMP "(\w+)" SITE "(\w+)";', files["top.lpf"]))
    assert len(set(sites.values())) == len(sites) >= 4
    assert files["top.lpf"].count("IO_TYPE=LVCMOS33") == len(sites)
    for port in sites:
        assert re.search(rf"wire .*\\{port}$", files["top.il"], re.MULTILINE), port
    assert re.search(
        r"nextpnr\" --(um5g-)?[48]5k --package (CA|CSF)BGA\d{3} --speed", files["build_open.sh"]
    )
    assert re.search(r"^ +synth_ecp5 -top top -run", files["build_open.sh"], re.MULTILINE)


def test_pins_that_others_on_the_board_read():
    class Top(Blink):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            platform.hold_pins(m)
            return m

    files = BOARDS["ulx3s_85"].platform().prepare(Top(25_000_000), "top").files
    assert 'COMP "esp32_0__gpio0__io" SITE "L2"' in files["top.lpf"]
    assert re.search(r"^connect \\o\S* 1'1$", files["top.il"], re.MULTILINE)


def test_the_zybos_phy_which_makes_its_clock_is_out_of_reset():
    files = BOARDS["zybo_z7_20"].platform().prepare(Echo(100_000_000), "top").files
    assert "LOC E17 [get_ports {eth_rst_0__io}]" in files["top.xdc"]
    module = files["top.il"].split("module \\top.eth_rst\n")[1].split("\nend\n")[0]
    assert re.search(r"cell \$xor .*connect \\A 1'0\s+connect \\B 1'1\s", module, re.DOTALL)


@pytest.mark.parametrize(("name", "lights"), [("arty_a7", 3), ("colorlight_i9", 1)])
def test_a_board_may_have_fewer_lights(name, lights):
    text = BOARDS[name].platform().prepare(BoardTop(Idle(), 80_000_000), "top").files["top.il"]
    assert len(set(re.findall(r"^module \\top\.led\d$", text, re.MULTILINE))) == lights


def test_the_ethernet_phys_straps_are_pulled_up():
    platform = BOARDS["ecpix5_85"].platform()
    pins = platform.request("eth_rgmii", 0, dir="-")
    assert pins.rx_data.io.metadata
    for metadata in pins.rx_data.io.metadata:
        assert metadata.attrs["PULLMODE"] == "UP"
        assert metadata.attrs["IO_TYPE"] == "LVCMOS33"


@pytest.mark.parametrize(("name", "buffers"), [("genesys2", 2), ("nexys_video", 3)])
def test_delay_control_has_a_buffered_clock_of_200_mhz(name, buffers):
    # The one's MMCM makes the accelerator's 100 MHz of 200, the other's the delays' 200 of 100.
    class Top(Blink):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            platform.align_inputs(m, Signal())
            return m

    text = BOARDS[name].platform().prepare(Top(100_000_000), "top").files["top.il"]
    assert "cell \\IDELAYCTRL" in text
    assert text.count("cell \\BUFG ") == buffers
    assert text.count("cell \\MMCME2_BASE ") == 1


def test_a_reset_lasts_long_enough_for_delay_control():
    text = BOARDS["genesys2"].platform().prepare(Blink(200_000_000), "top").files["top.il"]
    assert text.count("FDPE") >= 200e6 * 60e-9


@pytest.mark.parametrize(
    ("name", "pin"), [("ulx3s_85", "G2"), ("ecpix5_45", "K23"), ("orangecrab_85", "A9")]
)
def test_the_ecp5_oscillator_is_constrained(name, pin):
    platform = BOARDS[name].platform()
    constraints = platform.prepare(Blink(50_000_000), "top").files["top.lpf"]
    port = re.search(rf'COMP "(\w+)" SITE "{pin}"', constraints)[1]
    hz = round(platform.default_clk_frequency)
    assert f'FREQUENCY PORT "{port}" {hz} HZ;' in constraints


def test_pins_that_the_design_leaves_alone_are_not_placed():
    class Listen(Blink):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            uart = platform.request("uart", 0, dir="-")
            m.submodules.rx = io.Buffer("i", uart.rx)
            return m

    constraints = BOARDS["ulx3s_85"].platform().prepare(Listen(25_000_000), "top").files["top.lpf"]
    assert 'SITE "M1"' in constraints
    assert "dtr" not in constraints


def test_a_pll_only_where_the_clock_differs():
    platform = BOARDS["ecpix5_85"].platform
    assert "EHXPLLL" not in platform().prepare(Blink(100_000_000), "top").files["top.il"]
    assert "EHXPLLL" in platform().prepare(Blink(80_000_000), "top").files["top.il"]


@pytest.mark.parametrize(
    ("name", "pin"), [("arty_a7", "E3"), ("genesys2", "AD12"), ("pynq_z2", "H16")]
)
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


def test_nextpnr_xilinx_is_told_the_clock_behind_its_buffers():
    files = BOARDS["arty_a7"].platform().prepare(Blink(80_000_000), "top").files
    assert re.fullmatch(r"create_clock -period 12.5 \[get_nets [\w.]*clk\]\n", files["nextpnr.xdc"])
    assert re.search(r"--xdc top.xdc --xdc nextpnr.xdc .*\n.* --freq 80 ", files["build_open.sh"])


def test_the_flash_of_some_is_read_on_four_lines():
    setting = "set_property BITSTREAM.CONFIG.SPI_BUSWIDTH 4 [current_design]"
    for name in named("xc7"):
        files = BOARDS[name].platform().prepare(Blink(100_000_000), "top").files
        assert (setting in files["build_vivado.tcl"]) == name.startswith(("arty", "nexys", "kc705"))


@pytest.mark.parametrize("name", named("xc7"))
def test_who_takes_vivado_reads_which_edition(name):
    steps = BOARDS[name].platform().build_steps
    vivado = next(step.purpose for step in steps if step.command.startswith("vivado"))
    script = BOARDS[name].platform().prepare(Blink(100_000_000), "top").files["build_vivado.tcl"]
    edition = "Enterprise" if "xc7k325t" in BOARDS[name].part else "free"
    assert edition in vivado
    assert edition in script


@pytest.mark.parametrize(
    ("name", "resource"),
    [("ulx3s_85", "uart"), ("ecpix5_85", "rst"), ("orangecrab_85", "uart"), ("pynq_z2", "uart")],
)
def test_lines_that_others_may_leave_open_are_pulled_up(name, resource):
    found = BOARDS[name].platform().request(resource, 0, dir="-")
    pin = found.rx if resource == "uart" else found
    attributes = pin.io.metadata[0].attrs
    assert "UP" in (attributes.get("PULLMODE"), attributes.get("PULLUP", "").replace("TRUE", "UP"))


@pytest.mark.parametrize(("name", "volts"), [("genesys2", "3.3"), ("kc705", "2.5")])
def test_vivado_knows_what_the_pins_for_configuration_are_supplied_with(name, volts):
    files = BOARDS[name].platform().prepare(Blink(100_000_000), "top").files
    assert f"set_property CONFIG_VOLTAGE {volts} [current" in files["build_vivado.tcl"]


def test_inputs_amid_the_edges_of_a_clock_are_constrained():
    class Top(Blink):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            pins = platform.request("eth_rgmii", 0, dir="-")
            platform.add_clock_constraint(pins.rx_clk.io, 125_000_000)
            platform.constrain_inputs(pins.rx_clk.io, [pins.rx_ctl.io, pins.rx_data.io], 1.0)
            m.submodules.data = io.Buffer("i", pins.rx_data)
            return m

    text = BOARDS["genesys2"].platform().prepare(Top(100_000_000), "top").files["top.xdc"]
    found = re.findall(r"set_input_delay -clock (\S+)( -clock_fall -add_delay)? (-m..) (\S+)", text)
    edges = [("", "-max", "3"), ("", "-min", "1")]
    fall = [(" -clock_fall -add_delay", *bounds) for _, *bounds in edges]
    assert found == [("eth_rgmii_0__rx_clk__io", *edge) for edge in edges + fall]
    assert "[list {eth_rgmii_0__rx_ctl__io} {eth_rgmii_0__rx_data__io[*]}]" in text
