"""Overlays that cannot be opened or are not the right ones, and the command line's way to them."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.ip.vivado import zynq_script
from gen.ir.network_file import save_network
from host.cli import app
from host.open import open_board, time_scale
from host.options import ServedOptions
from host.pynq_loading import CORE, DMA
from host.pynq_overlay import PynqOverlay
from host.serve.meters import BoardMeter
from protocol.registers import BY_NAME
from tests.generated import photographs, run_command
from tests.host.stand_in_pynq import LENGTH_BITS, StandIn
from tests.hw.axi.cores import core_info, small_network
from tests.networks import tiny_network
from tests.paths import ROOT

NETWORK = small_network()
OTHER = tiny_network(1)


@pytest.fixture
def bitfile(tmp_path):
    path = tmp_path / "system.bit"
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    return path


@pytest.fixture
def board(monkeypatch):
    made = StandIn(NETWORK)
    monkeypatch.setitem(sys.modules, "pynq", made.module())
    return made


def setting(name, value):
    def change(board):
        board.core.values[BY_NAME[name].address] = value

    return change


def no_channel(board):
    board.dma.recvchannel = None


def scatter_gather(board):
    board.dma.scatter_gather = True


def short_length(board):
    board.dma.buffer_max_size = 91


def little_memory(board):
    board.memory.limit = 5


def no_core(board):
    board.instances = {"firebrick_0": board.core, "dma": board.dma}


def no_dma(board):
    del board.instances["dma"]


def other_dma(board):
    board.instances["dma"] = object()


def refusal(error):
    def change(board):
        board.refusal = error

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (setting("MAGIC", 0xDEAD), "is no firebrick core, its first register reads 0x0000dead"),
        (setting("VERSION", 9), "its registers are of version 9, this host knows versions 1 and 2"),
        (setting("DIGEST_HIGH", 5), f"the core holds network {NETWORK.digest.hex()[:8]}05000000"),
        (setting("INPUT_SIZE", 7 << 16 | 5), "holds frames of 5x7x3, and small is 5x6x3"),
        (setting("CLASSES", 4), "the core holds classes 4, and small is 3"),
        (setting("LAYERS", 1 << 16 | 1), "the core holds layers 1, and small is 3"),
        (setting("INPUT_FORM", 16 << 16 | 3), "describes itself wrongly: beat_bits must be one"),
        (no_channel, "its DMA has not both a read and a write channel"),
        (scatter_gather, "its DMA is built for scatter-gather"),
        (short_length, "a frame is 92 bytes, and its DMA transfers at most 91"),
        (little_memory, "no memory for frames (BO allocation failed: no memory)"),
        (no_core, "has no 'core' in its block design; that of vivado_zynq.tcl has 'core' and"),
        (no_dma, "has no 'dma' in its block design"),
        (other_dma, "'dma' in its block design is no AXI DMA"),
        (refusal(OSError("Root permissions required.")), "cannot load it (Root permissions"),
        (refusal(RuntimeError("No Devices Found")), "cannot load it (No Devices Found)"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(bitfile, board, change, complaint):
    change(board)
    with pytest.raises(FirebrickError) as error:
        PynqOverlay(bitfile, NETWORK)
    assert f"{bitfile}: " in str(error.value)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    assert board.gave_all_back


def test_another_network_is_named(bitfile, board):
    with pytest.raises(FirebrickError) as error:
        PynqOverlay(bitfile, OTHER)
    held, wanted = NETWORK.digest.hex(), OTHER.digest.hex()
    assert f"holds network {held}, and {OTHER.name} is {wanted}; give network" in str(error.value)
    assert not board.memory.buffers


@pytest.mark.parametrize("missing", [".bit", ".hwh"])
def test_missing_files(bitfile, board, missing):
    bitfile.with_suffix(missing).unlink()
    with pytest.raises(FirebrickError, match=rf"system\{missing}: no such file; an overlay is"):
        PynqOverlay(bitfile)
    assert not board.loaded


def test_without_pynq(bitfile, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynq", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FirebrickError, match=r"PYNQ is not installed in this Python; run this on"):
        PynqOverlay(bitfile)


def test_with_a_pynq_that_does_not_work_here(bitfile, monkeypatch, tmp_path):
    (tmp_path / "pynq.py").write_text("raise RuntimeError('no device here')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pynq", raising=False)
    with pytest.raises(FirebrickError, match=r"PYNQ cannot be imported \(no device here\); run"):
        PynqOverlay(bitfile)


def test_on_the_board_it_needs_numpy_alone():
    """A Zynq's Python has wheels for few of the packages that the rest of firebrick needs."""
    code = (
        "import sys, host.pynq_overlay, gen.ir.network_file; "
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    told = subprocess.run([sys.executable, "-S", "-c", _with_path(code)], capture_output=True)
    assert told.returncode == 0, told.stderr.decode()
    names = set(told.stdout.decode().split())
    assert names - {"__main__", "numpy", "gen", "host", "protocol"} == set()


def _with_path(code):
    return f"import sys; sys.path[:0] = [{str(ROOT)!r}, {np.__path__[0]!r} + '/..']; {code}"


def test_the_block_design_has_what_the_driver_looks_for():
    script = zynq_script(core_info(NETWORK, 32), "xc7z020clg400-1")
    cells = re.findall(r"create_bd_cell -type ip -vlnv [\w.]+:ip:(\w+) (\w+)\]", script)
    assert dict(cells)["firebrick_core"] == CORE
    assert dict(cells)["axi_dma"] == DMA
    assert "CONFIG.c_include_sg 0" in script
    assert f"CONFIG.c_sg_length_width {LENGTH_BITS}]" in script


@pytest.fixture
def call(bitfile, board, monkeypatch, capsys):
    """Run a command on the overlay; its status, what it printed, and its complaint."""
    save_network(NETWORK, bitfile.parent / "network.npz")

    def run(*arguments):
        status = run_command(monkeypatch, app, *arguments, "--pynq", bitfile)
        return status, *capsys.readouterr()

    yield run
    assert board.gave_all_back


def test_an_overlay_is_verified(call, board):
    status, out, _ = call("verify", "--frames", 8)
    assert status == 0
    assert "This bitstream computes what it should: in 24 answers to 8 different" in out
    assert len(board.core.frames) == 24


def test_an_overlay_that_is_wrong_is_found_out(call, board):
    wrong = bytes([1]) + bytes(11)
    right = board.core.answer
    board.core.answer = lambda: bytes(a ^ b for a, b in zip(right(), wrong, strict=True))
    status, out, _ = call("verify", "--frames", 8)
    assert status == 1
    assert "24 of 24 answers are wrong" in " ".join(out.split())


def test_photographs_on_an_overlay(call, tmp_path):
    paths = photographs(tmp_path, 3)
    status, out, _ = call("classify", "--json", *paths)
    assert status == 0
    *entries, summary = map(json.loads, out.splitlines())
    assert [entry["image"] for entry in entries] == list(map(str, paths))
    assert (summary["coding"], summary["malformed_frames"], summary["resets"]) == ("raw", 0, 0)
    status, out, _ = call("stream", "--json", tmp_path)
    assert [json.loads(line) for line in out.splitlines()] == [
        entry | {"cycles": again["cycles"]}
        for entry, again in zip(entries, map(json.loads, out.splitlines()), strict=True)
    ]


def test_an_overlay_s_information_and_speed(call):
    status, out, _ = call("info", "--json")
    assert status == 0
    told = json.loads(out)
    assert (told["digest"], told["frames"]) == (NETWORK.digest.hex(), 4)
    assert list(told["stalls"]) == [op.name for op in NETWORK.ops]
    assert not {"protocol", "chunk", "credits", "lost", "dropped", "answered"} & set(told)
    status, out, _ = call("info")
    assert status == 0
    assert "takes ahead" in out
    assert "fixed" in out
    assert not any(word in out for word in ("packet", "protocol", "line", "structure"))
    status, out, _ = call("bench", "--frames", 6, "--json")
    assert status == 0
    told = json.loads(out)
    assert told["frames"] == 6
    assert not any("packets" in name for name in told)
    assert 0 < told["answer_ms"] <= told["single_frame_ms"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--record", "x.fbr"], "nothing goes to an overlay in packets that could be recorded"),
        (["--coding", "lossless"], "frames go to an overlay as they are; leave out --coding"),
        (["--port", "/dev/ttyUSB1"], "give either --sim BUILD_DIR or --port PORT or --udp"),
    ],
)
def test_options_that_do_not_go_with_an_overlay(call, options, complaint):
    status, _, err = call("info", *options)
    assert status == 2
    assert complaint in err


def test_an_overlay_is_served(bitfile, board):
    save_network(NETWORK, bitfile.parent / "network.npz")
    options = ServedOptions(pynq=bitfile)
    assert (options.default, options.link) == (False, f"overlay {bitfile}")
    with open_board(options, options.network()) as driver:
        meter = BoardMeter(driver, time_scale(options, driver))
        board.core.stalls[0] += 1000
        driver.infer(np.zeros(NETWORK.input.shape, np.uint8))
        meter.ask()
        assert meter.stalled[0] > 0
        assert set(meter.faults.values()) == {0}
        assert not any("packets" in name for name in meter.faults)


def test_the_page_s_program_runs(board, monkeypatch, tmp_path, capsys):
    page = (ROOT / "docs" / "ip-core.md").read_text()
    (program,) = (one for one in re.findall(r"```python\n(.*?)```", page, re.S) if "Pynq" in one)
    monkeypatch.chdir(tmp_path)
    for name in ("firebrick.bit", "firebrick.hwh"):
        (tmp_path / name).touch()
    save_network(NETWORK, tmp_path / "network.npz")
    photographs(tmp_path, 1)[0].rename("cat.jpg")
    exec(compile(program, "ip-core.md", "exec"), {})
    assert capsys.readouterr().out.strip() in NETWORK.labels
    assert board.gave_all_back
