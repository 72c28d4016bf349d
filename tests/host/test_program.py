import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
import pytest

from boards import BOARDS
from gen.common.manifest import EthernetLink, Manifest, UartLink
from gen.common.progress import Silent
from host.cli import app
from host.loader import TOOL, find_loader
from protocol.device import Device
from tests.generated import run_command
from tests.host import stand_in_loader
from tests.host.fake_board import FakeBoard, SerialBoard, UdpBoard, device_info
from tests.host.updatable_board import UpdatableBoard
from tests.networks import tiny_network

NETWORK = tiny_network(1)
UART = UartLink(1_000_000)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A folder with a stand-in for openFPGALoader, which is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / TOOL
    path.write_text(f"#!{sys.executable}\n" + Path(stand_in_loader.__file__).read_text())
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    set_case(folder)
    return folder


def set_case(tool: Path, **case: object) -> None:
    (tool / "case.json").write_text(json.dumps({**stand_in_loader.ARTY, **case}))


def calls(tool: Path) -> list[list[str]]:
    return [json.loads(line) for line in (tool / "calls.jsonl").read_text().splitlines()]


def manifest(link: UartLink | EthernetLink) -> Manifest:
    board = BOARDS["arty_a7"]
    about = ("1", "tiny", NETWORK.digest, board.name, board.part, board.loader, board.idcode)
    return Manifest(*about, 100_000_000, link, ())


@pytest.fixture
def build(tmp_path):
    """A build folder with a bitstream."""
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest(UART).to_json())
    for name in ("build_vivado.tcl", "top.il", "top.bit"):
        (folder / name).write_text("")
    os.utime(folder / "top.il", (1, 1))
    return folder


def classify(frame: np.ndarray) -> np.ndarray:
    return np.arange(5)


def test_the_board_is_met_on_its_port(tool, build, monkeypatch, capsys):
    with SerialBoard(FakeBoard(device_info(NETWORK), classify)) as board:
        options = ("program", build, "--port", board.port)
        assert run_command(monkeypatch, app, *options) == 0
        text = capsys.readouterr().out
        assert run_command(monkeypatch, app, *options, "--json", "--flash") == 0
        entry = json.loads(capsys.readouterr().out)
    assert f"{build}/top.bit is in the FPGA." in text
    assert NETWORK.digest.hex() in text
    assert f"python -m host verify --port {board.port} --build {build}" in text
    assert (entry["digest"], entry["flash"]) == (NETWORK.digest.hex(), True)
    named = ["--board", "arty_a7_100t"]
    bitstream = str(build / "top.bit")
    assert calls(tool) == [
        [*named, "--detect"],
        [*named, "--write-sram", bitstream],
        [*named, "--detect"],
        [*named, "--write-flash", bitstream],
    ]


def test_the_board_is_met_on_its_lan(tool, build, monkeypatch, capsys):
    with UdpBoard(Device(device_info(NETWORK), classify)) as board:
        link = EthernetLink(IPv4Address("127.0.0.1"), 2, board.port)
        (build / "manifest.json").write_text(manifest(link).to_json())
        assert run_command(monkeypatch, app, "program", build) == 0
    assert f"host verify --udp 127.0.0.1:{board.port}" in capsys.readouterr().out


def test_without_a_port_it_says_how_to_go_on(tool, build, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "program", build) == 0
    text = capsys.readouterr().out
    assert "No --port was given" in text
    assert f"python -m host verify --port PORT --build {build}" in text
    assert run_command(monkeypatch, app, "program", build, "--json") == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry == {"bitstream": f"{build}/top.bit", "flash": False}


def test_its_link_may_take_a_while(tool, build, monkeypatch, capsys, tmp_path):
    """As a USB bridge's port does, which is gone while the FPGA is loaded."""
    port = tmp_path / "port"
    with SerialBoard(FakeBoard(device_info(NETWORK), classify)) as board:
        naps = []

        def nap(seconds):
            naps.append(seconds)
            if len(naps) == 3:
                port.symlink_to(board.port)

        monkeypatch.setattr("host.commands.program.time.sleep", nap)
        assert run_command(monkeypatch, app, "program", build, "--port", port) == 0
    assert len(naps) == 3
    assert NETWORK.digest.hex() in capsys.readouterr().out


def test_cable_and_serial_number_are_passed_on(tool, build, monkeypatch):
    options = ("program", build, "--cable", "ft4232", "--usb-serial", "FT1")
    assert run_command(monkeypatch, app, *options) == 0
    for call in calls(tool):
        assert call[2:6] == ["--cable", "ft4232", "--ftdi-serial", "FT1"]


class Told(Silent):
    """Remembers what it is told."""

    def __init__(self):
        self.said = []

    def begin(self, phase):
        self.said.append(phase)

    def advance(self, done, total):
        self.said.append((done, total))


def test_progress_is_the_tools_own(tool, build):
    told = Told()
    find_loader(manifest(UART), None, None).load(build / "top.bit", flash=False, progress=told)
    assert told.said == ["Load SRAM", (0, 100), (50, 100), (100, 100)]


def refusal(build, monkeypatch, capsys, *options):
    """The line that a failing command ends with."""
    assert run_command(monkeypatch, app, "program", build, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"cable": stand_in_loader.NO_CABLE}, "finds no cable; plug in the USB port"),
        ({"cable": stand_in_loader.NO_PERMISSION}, "may not open the cable; install"),
        ({"cable": stand_in_loader.BUSY}, "finds the cable in use; close what uses it"),
        ({"cable": "error : ft9 not found"}, "does not know this board or cable"),
        ({"idcode": 0}, "no FPGA behind it; switch the board on"),
        (
            {"idcode": 0x362D093, "model": "xc7a35"},
            "is not the xc7a100tcsg324-1 of arty_a7 that this build is for (xc7a35, IDCODE "
            "0x0362d093); plug in that board, or generate for the one that is there",
        ),
        ({"program": stand_in_loader.MISMATCH}, "(bitstream has 0x81113043 hardware requires"),
        ({"program": "Error: more than one FPGA found"}, "finds several FPGAs"),
        ({"program": "write failed\nFAIL"}, "failed with status 1: FAIL"),
        ({"done": 0}, "the FPGA has taken it, but does not start (DONE stays low)"),
    ],
)
def test_what_fails_is_said_in_one_line(tool, build, monkeypatch, capsys, case, message):
    set_case(tool, **case)
    assert message in refusal(build, monkeypatch, capsys)


def test_a_revision_of_the_part_does_not_matter(tool, build, monkeypatch):
    set_case(tool, idcode=0x13631093)
    assert run_command(monkeypatch, app, "program", build) == 0


def test_without_the_tool(build, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(build))
    assert "openFPGALoader is not on PATH" in refusal(build, monkeypatch, capsys)


def test_a_board_without_a_cable_of_its_own(tool, build, monkeypatch, capsys):
    (build / "manifest.json").write_text(replace(manifest(UART), loader="").to_json())
    assert "name the one that you have connected" in refusal(build, monkeypatch, capsys)
    assert run_command(monkeypatch, app, "program", build, "--cable", "ft2232") == 0
    assert [call[:2] for call in calls(tool)] == [["--cable", "ft2232"]] * 2


def test_without_a_bitstream(tool, build, monkeypatch, capsys):
    (build / "top.bit").unlink()
    error = refusal(build, monkeypatch, capsys)
    assert "top.bit: not built yet; add --bitstream to the `python -m gen`" in error
    assert "or run build_vivado.tcl in that folder" in error


def test_an_old_bitstream_is_told(tool, build, monkeypatch, capsys):
    os.utime(build / "top.bit", (0, 0))
    assert run_command(monkeypatch, app, "program", build) == 0
    assert "top.bit is older than top.il" in capsys.readouterr().err


def test_what_cannot_be_met_is_refused_before_loading(tool, build, monkeypatch, capsys):
    assert "--udp takes an address" in refusal(build, monkeypatch, capsys, "--udp", ":1")
    link = EthernetLink(IPv4Address("10.0.0.1"), 2, 3)
    (build / "manifest.json").write_text(manifest(link).to_json())
    assert "its board is on Ethernet" in refusal(build, monkeypatch, capsys, "--port", "x")
    assert not (tool / "calls.jsonl").exists()


def test_nothing_answers(tool, build, monkeypatch, capsys):
    error = refusal(build, monkeypatch, capsys, "--port", "/dev/no-such", "--wait", 0)
    assert "error: the bitstream is loaded, but /dev/no-such: cannot open" in error


def test_another_board_answers(tool, build, monkeypatch, capsys):
    other = tiny_network(2)
    with SerialBoard(FakeBoard(device_info(other), classify)) as board:
        error = refusal(build, monkeypatch, capsys, "--port", board.port)
    assert f"holds network {other.digest.hex()}, this build is of {NETWORK.digest.hex()}" in error
    assert "updated" not in error
    with SerialBoard(UpdatableBoard()) as board:
        error = refusal(build, monkeypatch, capsys, "--port", board.port)
    assert "or updated, and not configured again since, or was the bitstream" in error


def lines(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.strip()]


def test_openfpgaloader_knows_our_boards():
    tool = shutil.which(TOOL)
    if tool is None:
        pytest.skip(f"{TOOL} is not installed (Debian's package is openfpgaloader)")
    listed = subprocess.run([tool, "--list-boards"], capture_output=True, text=True, check=True)
    cables = {name: cable[0] for name, *cable in map(str.split, lines(listed)) if cable}
    assert {name: cables.get(board.loader) for name, board in BOARDS.items()} == {
        "arty_a7": "digilent",
        "arty_a7_35": "digilent",
        "nexys_a7": "digilent",
        "nexys_video": "digilent_b",
        "genesys2": "digilent_b",
        "kc705": "digilent",
        "zybo_z7_20": "digilent",
        "pynq_z2": "ft2232",
        "ulx3s_85": "ft231X",
        "ecpix5_85": "ecpix5-debug",
        "ecpix5_45": "ecpix5-debug",
        "orangecrab_85": None,
        "colorlight_i9": "cmsisdap",
    }
    parts = subprocess.run([tool, "--list-fpga"], capture_output=True, text=True, check=True)
    known = {int(line.split()[0], 16) for line in lines(parts) if line.startswith("0x")}
    assert {board.idcode for board in BOARDS.values()} <= known
