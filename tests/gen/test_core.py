"""``python -m gen core``, and that a core is as fast as a board of the same part."""

import json
import sys

import pytest

from boards import BOARDS
from boards.core import core_target, share_of
from boards.parts import find_part
from gen.backend.report import plain_text
from gen.cli import app
from gen.common.build_folder import BuildFolder
from gen.common.console import run_app
from gen.common.errors import FirebrickError
from gen.ip.emit import PlannedCore
from gen.ip.report import core_report
from gen.ir.network_file import load_network, save_network
from gen.nodes.contents import contents_layout
from gen.plan.plan import Plan
from gen.plan.planner import Goal
from host.new_contents import NewContents
from protocol.contents.key import read_key
from protocol.contents.layout import Layout
from protocol.registers import BEAT_BITS
from tests.networks import tiny_network, updatable
from tests.protocol.contents.test_key import SECRET


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder with the tiny network; exit status, output, errors."""
    monkeypatch.chdir(tmp_path)
    save_network(tiny_network(1), tmp_path / "tiny.npz")

    def run(*arguments: str):
        options = ["gen", "core", "--model", "tiny.npz", *arguments]
        monkeypatch.setattr(sys, "argv", options)
        with pytest.raises(SystemExit) as end:
            run_app(app)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_a_share_of_a_part(call, tmp_path):
    share = ["--budget", "lut=0.5,dsp=20,bram=8", "--clock", "80", "--beat-bits", "8"]
    status, out, err = call("--part", "LFE5U-25F-6BG256C", *share)
    assert (status, err) == (0, "")
    folder = tmp_path / "build" / "core"
    plan = Plan.from_json((folder / "plan.json").read_text())
    assert plan.board == "LFE5U-25F-6BG256C"
    assert plan.clock_hz == 80_000_000
    used = plan.resources
    assert used.lut <= 12144
    assert used.dsp <= 20
    assert used.bram36 <= 8
    assert "With and without AXI, planned" in out
    assert "\n  DP16KD " in (folder / "firebrick_core.v").read_text()
    assert json.loads((folder / "manifest.json").read_text())["beat_bits"] == 8
    assert not (folder / "component.xml").exists()


def test_weights_that_may_be_replaced(call, tmp_path):
    (tmp_path / "core.key").write_bytes(SECRET)
    save_network(updatable(tiny_network(1), 1), tmp_path / "tiny.npz")
    share = ["--part", "xc7z020", "--fps", "20000", "--out", "core"]
    keyed = ["--updatable", "--margin", "1", "--update-key", "core.key"]
    status, _, err = call(*share, *keyed)
    assert (status, err) == (0, "")
    folder = BuildFolder(tmp_path / "core")
    network, plan = load_network(folder.network), Plan.from_json(folder.plan.read_text())
    layout = Layout.from_json(folder.contents.read_text())
    assert layout == contents_layout(network, plan.nodes)
    about = json.loads(folder.manifest_path.read_text())
    structure, memories = layout.digest.hex(), len(layout.memories)
    assert about["updates"] == {"structure": structure, "memories": memories, "keyed": True}
    text = " ".join(folder.report.read_text().split())
    assert "new weights over AXI4-Lite, by whoever has the key, which netlist and" in text
    assert plan.fixed is not None
    assert f"with fixed ones {plan.clock_hz / plan.fixed.cycles:.1f} frames/s with" in text
    assert plan.fixed.resources.lut < plan.resources.lut
    assert "UPDATE_DATA" in (folder.path / "registers.md").read_text()
    # Who reads the hardware has the key, and nobody else.
    key = read_key(tmp_path / "core.key")
    for name in set(folder.names()) - {"firebrick_core.v", "firebrick_core_sim.v"}:
        content = (folder.path / name).read_bytes().lower()
        assert not any(secret in content for secret in (SECRET, SECRET.hex().encode()))
        assert not any(secret in content for secret in (key, key.hex().encode()))
    (tmp_path / "core" / "contents.json").unlink()
    with pytest.raises(FirebrickError, match="gen core --part xc7z020 --out "):
        NewContents.of(folder, network)


def test_a_core_that_anyone_can_update_says_so_and_costs_less_than_a_keyed_one():
    network, part = updatable(tiny_network(1), 1), find_part("xc7z020")
    costs = {}
    for keyed in (False, True):
        target = core_target(part, share_of(part, "", 0.8), 8, keyed=keyed)
        made = Goal(target, fps=20_000, utilisation=1.0).plan(network)
        core = PlannedCore(network, made, target, bytes(16) if keyed else None)
        told = " ".join(plain_text(core_report(network, made, target, core.info)).split())
        assert ("by ANYONE who reaches it" in told) != keyed
        costs[keyed] = made.costs["board"].resources
        assert bytes(16).hex() not in repr(core)
    assert costs[True].lut - costs[False].lut == 440


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say which part with --part; known are xc7a35t, "),
        (["--part", "xc2s50"], "unknown part 'xc2s50'; known are xc7a35t, "),
        (["--part", "xc7a35t", "--budget", "dsp=91"], "'dsp=91', and the part has 90"),
        (["--part", "xc7a35t", "--beat-bits", "16"], "--beat-bits 16; there are 8, 24, 32"),
        (["--part", "xc7a35t", "--clock", "0"], "--clock takes 1 to 1000 MHz, not 0"),
        (["--part", "xc7a35t", "--updatable"], "who may change the weights? Give --update-key"),
        (["--part", "xc7a35t", "--update-open"], "--update-open is for --updatable"),
        (["--part", "xc7a35t", "--fps", "0"], "--fps takes a number from"),
        (["--part", "xc7a35t", "--fps", "1e6"], "makes at most 277777.8 frames a second"),
        (
            ["--part", "xc7a35t", "--budget", "lut=500"],
            "LUTs, xc7a35t has 500; no one width for all weights would fit here, as it is it would "
            "fit xc7a50t",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_line(call, tmp_path, arguments, complaint):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("bits", BEAT_BITS)
def test_a_core_is_as_fast_as_the_board(bits):
    board, network = BOARDS["arty_a7"], tiny_network(1)
    part = find_part(board.part)
    target = core_target(part, share_of(part, "", 0.8), bits)
    assert target.resources.lut == int(board.resources.lut * 0.8)
    for fps in (20_000, 100_000, 200_000):
        on_board = Goal(board, fps=fps).plan(network)
        core = Goal(target, fps=fps, utilisation=1.0).plan(network)
        assert core.frames_per_second == on_board.frames_per_second
        assert core.costs["board"].resources.lut < on_board.costs["board"].resources.lut
    # As fast as can be, the board waits for its packets' headers and checks.
    assert Goal(board).plan(network).slowest == ["board"]
    assert Goal(target, utilisation=1.0).plan(network).cycles == 12 * 10 * 3
