import json
import re
from dataclasses import replace

import pytest

from boards import BOARDS
from gen.backend.emit import emit, shell_path
from gen.backend.ethernet_core import core_parameters, core_verilog
from gen.backend.rtlil import run_yosys
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.link_options import Address, on_lan
from gen.plan.planner import plan
from tests.networks import conv_network


def test_a_fast_line_gets_room_where_the_clock_is_slower():
    board = on_lan(BOARDS["genesys2"], Address())
    words = [
        core_parameters(board, hz)["rx_words"] for hz in (125_000_000, 100_000_000, 50_000_000)
    ]
    assert words == [32, 4096, 4096]
    assert core_parameters(on_lan(BOARDS["arty_a7"], Address()), 20_000_000)["rx_words"] == 32


CELLS = {
    "arty_a7": {"FDPE"},
    "genesys2": {"FDPE", "FDCE", "IDELAYE2", "IDDR", "ODDR", "IBUF", "OBUF", "BUFG", "PLLE2_ADV"},
    "ecpix5_85": {"FD1S3BX", "ODDRX1F", "IDDRX1F", "DELAYG"},
}


@pytest.mark.parametrize("name", CELLS)
def test_the_core_is_made_for_the_board(name):
    board = on_lan(BOARDS[name], Address(ip="10.11.12.13"))
    verilog = core_verilog(board, 100_000_000)
    assert re.search(r"^module liteeth_core \(", verilog, re.MULTILINE)
    assert str(int(board.station.address)) in verilog
    assert str(board.station.mac) in verilog
    found = set(re.findall(r"^(?:\(\*.*\*\)\s*)?([A-Z][A-Z0-9_]+) (?:#\(|\w+\s*\()", verilog, re.M))
    assert found == CELLS[name]
    assert verilog.count("endmodule") == 1


def test_what_liteeth_says_is_passed_on():
    board = on_lan(BOARDS["arty_a7"], Address())
    with pytest.raises(FirebrickError, match="LiteEth failed: KeyError: 'vax'"):
        core_verilog(replace(BOARDS["genesys2"], family="vax", station=board.station), 10**8)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["arty_a7", "genesys2", "ecpix5_85"])
def test_the_emitted_folder(tmp_path, name):
    network, board = conv_network(), on_lan(BOARDS[name], Address())
    folder = tmp_path / "out"
    emit(network, plan(network, board, fps=1000), board, BuildFolder(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["link"], manifest["ip"], manifest["udp_port"]) == (
        "ethernet",
        "192.168.1.50",
        18002,
    )
    assert "read_verilog liteeth_core.v\n" in (folder / "build_open.sh").read_text()
    if board.family == "xc7":
        script = (folder / "build_vivado.tcl").read_text()
        assert "read_verilog {top.v liteeth_core.v}" in script
    top = (folder / "top.il").read_text()
    assert "cell \\liteeth_core " in top
    assert f"module \\{shell_path(board)}\n" in top
    assert "liteeth_core" not in (folder / "sim_top.v").read_text()
    assert "UDP at 192.168.1.50, port 18002" in (folder / "report.txt").read_text()
    check_pads(folder, board)


def check_pads(folder, board):
    """Every pin that is placed is a port, and all that is instantiated has the ports it should."""
    if board.family == "xc7":
        constraints = (folder / "top.xdc").read_text()
        placed = re.findall(r"LOC \w+ \[get_ports \{(\w+)", constraints)
        clocks = re.findall(r"create_clock -name (\w+)", constraints)
        cells = ("+/xilinx/cells_sim.v", "+/xilinx/cells_xtra.v")
        # The clocks of the line have nothing to do with ours.
        assert len(clocks) == (3 if board.phy.kind == "mii" else 2)
        assert constraints.count("-group [get_clocks -include_generated_clocks ") == len(clocks)
    else:
        constraints = (folder / "top.lpf").read_text()
        placed = re.findall(r'LOCATE COMP "(\w+)', constraints)
        clocks = re.findall(r'FREQUENCY PORT "(\w+)"', constraints)
        cells = ("+/ecp5/cells_sim.v", "+/ecp5/cells_bb.v")
        assert len(clocks) == 2
    top = (folder / "top.il").read_text()
    for port in (*placed, *clocks):
        assert re.search(rf"wire .*\\{port}$", top, re.MULTILINE), port
    assert sum(port.startswith(board.phy.resource) for port in placed) >= 13
    run_yosys(
        *(f"read_verilog -lib {path}" for path in cells),
        f'read_verilog "{folder / "liteeth_core.v"}"',
        f'read_rtlil "{folder / "top.il"}"',
        "hierarchy -check -top top",
    )
