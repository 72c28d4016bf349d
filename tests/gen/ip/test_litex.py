"""The core in LiteX's example system: its Verilog, and what it does in a simulator."""

import subprocess
import sys

import numpy as np
import pytest

from gen.ip.emit import LITEX, SIMULATION
from protocol.registers import BY_NAME
from sim import golden
from tests.gen.ip.conftest import BEAT_BITS
from tests.harness.verilated import TOP, VerilatedDesign, build
from tests.hw.axi.cores import beats
from tests.networks import random_frames

ORIGIN = 0x3000_0000
PADS = ("sys_*", "host_*", "pixels_*", "sums_*", "irq")


@pytest.fixture(scope="module")
def system(made, tmp_path_factory):
    """Verilog of the example system."""
    folder = tmp_path_factory.mktemp("litex")
    for name in (LITEX, SIMULATION):
        (folder / name).write_text(made.text(name))
    run = subprocess.run(
        [sys.executable, LITEX], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return (folder / "example_soc.v").read_text()


def test_the_system_holds_the_core_with_all_its_ports(system):
    instance = system[system.index("firebrick_core firebrick_core(") :]
    instance = instance[: instance.index(");\n")]
    for port in ("aclk", "aresetn", "s_axis_tdata", "m_axis_tvalid", "s_axi_awaddr", "irq"):
        assert f".{port} " in instance


def test_the_core_answers_in_the_system(system, made, tmp_path):
    top = system.replace("module example_soc", f"module {TOP}")
    (tmp_path / f"{TOP}.v").write_text(top + made.text(SIMULATION))
    build(tmp_path / f"{TOP}.v", tmp_path, PADS)
    network, place = made.core.network, {name: ORIGIN + r.address for name, r in BY_NAME.items()}
    frames = random_frames(network, 2)
    classes = network.output.shape[2]
    spec = {
        "before": [
            [place["MAGIC"], None],
            [place["INTERRUPT_ENABLE"], 1],
            [place["INTERRUPT_ENABLE"], None],
        ],
        "beats": [b for frame in frames for b in beats(frame.tobytes(), BEAT_BITS)],
        "sums": 2 * classes,
        "after": [
            [place["ANSWERED"], None],
            [place["TOP1"], None],
            [place["INTERRUPT_STATUS"], 1],
            [place["INTERRUPT_STATUS"], None],
        ],
    }
    found = VerilatedDesign(tmp_path, tmp_path).run("tests.gen.ip.litex_bench", spec)
    assert "failure" not in found
    sums = golden.class_sums(network, frames)
    values = [value for value, _, _ in found["sums"]]
    assert values == (sums.astype(np.int64) % 2**32).ravel().tolist()
    assert [last for _, last, _ in found["sums"]] == [*[0] * (classes - 1), 1] * 2
    assert {mark for _, _, mark in found["sums"]} == {0}
    assert [data for data, _ in found["before"]][::2] == [int.from_bytes(b"FBRK", "little"), 1]
    answered, top1, _, status = (data for data, _ in found["after"])
    assert (answered, top1, found["irq"], status) == (2, int(sums[1].argmax()), 1, 0)
