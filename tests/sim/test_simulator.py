import os

import numpy as np
import pytest

from gen.backend.rtlil import rtlil_to_verilog, write_rtlil
from gen.common.errors import FirebrickError
from sim.simulator import Simulator
from sim.verilate import build, split_memories
from tests.harness.shared import shared_folder
from tests.recorder import Recorder
from tests.sim.translator import STOP, Translator, table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shared_folder(tmp_path_factory, "translator")


@pytest.fixture(scope="module")
def verilog(folder, tmp_path_factory):
    own = tmp_path_factory.mktemp("translator")
    write_rtlil(Translator(), own / "top.il", "simtop")
    rtlil_to_verilog(own / "top.il", own / "top.v")
    return own / "top.v"


@pytest.fixture(scope="module")
def library(folder, verilog):
    return build(verilog, folder)


def translated(data: bytes) -> bytes:
    return bytes(table()[byte] for byte in data)


@pytest.fixture
def data() -> bytes:
    return np.random.default_rng(1).integers(0, STOP, 2000, dtype=np.uint8).tobytes()


def test_bytes_and_stamps(library, data):
    with Simulator(library) as simulator:
        moved = simulator.run(data, len(data))
        assert moved.taken == len(data)
        assert moved.data == translated(data)
        assert moved.stamps.tolist() == list(range(len(data)))
        assert simulator.cycles == len(data)
        simulator.reset()
        assert simulator.cycles == 0


@pytest.mark.parametrize(("i", "o"), [(0.5, 0.0), (0.0, 0.5), (0.3, 0.7)])
def test_stalls_are_random_and_repeatable(library, data, i, o):
    stamps = []
    for seed in (1, 1, 2):
        with Simulator(library) as simulator:
            simulator.stall(seed, i, o)
            moved = simulator.run(data, len(data))
            assert moved.data == translated(data)
            # A byte that is offered stays, so the wait for it and the wait for room add up.
            expected = len(data) * (i / (1 - i) + 1 / (1 - o))
            assert simulator.cycles == pytest.approx(expected, rel=0.1)
            stamps.append(moved.stamps.tolist())
    assert stamps[0] == stamps[1] != stamps[2]


def test_input_that_is_not_drained_stays_with_the_caller(library, data):
    with Simulator(library) as simulator:
        moved = simulator.run(data, 10, drain=False)
        assert (moved.taken, moved.data) == (10, translated(data[:10]))
        rest = simulator.run(data[10:], len(data) - 10)
        assert rest.data == translated(data[10:])


def test_stalled_design_is_given_up(library):
    with Simulator(library) as simulator:
        with pytest.raises(FirebrickError) as caught:
            simulator.run(bytes([1, 2, STOP, 4, 5]), 4, idle_limit=5000)
        assert "stream i took 3 of 5 bytes and stream o gave 2 of 4 bytes" in str(caught.value)
        assert "nothing moved for 5000 cycles (now at cycle 5003)" in str(caught.value)
        simulator.reset()
        assert simulator.run(b"\1", 1).data == translated(b"\1")


def test_a_closed_simulation_is_not_run(library):
    simulator = Simulator(library)
    simulator.close()
    simulator.close()
    for use in (simulator.reset, lambda: simulator.run(b"a", 1), lambda: simulator.cycles):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_simulations_are_independent(library):
    with Simulator(library) as one, Simulator(library) as two:
        one.run(b"abc", 3)
        assert (one.cycles, two.cycles) == (3, 0)


@pytest.mark.parametrize("chance", [-0.1, 1.0])
def test_stall_probability_out_of_range(library, chance):
    with Simulator(library) as simulator, pytest.raises(ValueError, match="stall probabilities"):
        simulator.stall(1, chance)


def test_waves_need_a_library_with_waves(library, tmp_path):
    with (
        Simulator(library) as simulator,
        pytest.raises(FirebrickError, match="built without waves"),
    ):
        simulator.record(tmp_path / "waves.fst")


def test_second_build_compiles_nothing(library, folder, verilog):
    told = Recorder()
    before = library.stat().st_mtime_ns
    assert build(verilog, folder, progress=told) == library
    assert (library.stat().st_mtime_ns, told.phases, told.steps) == (before, [], [])


def test_contents_that_a_simulation_may_be_reading_are_not_written_over(library, folder, verilog):
    path = folder / "memories" / "0.mem"
    before = path.read_text()
    with path.open() as reader:
        build(verilog, folder)
        assert not os.path.samestat(os.fstat(reader.fileno()), path.stat())
    assert path.read_text() == before


def test_memory_contents_are_no_part_of_the_design(verilog, tmp_path):
    text = verilog.read_text()
    changed = text.replace("[5] = 8'h26;", "[5] = 8'hee;")
    assert changed != text
    design, memories = split_memories(text, tmp_path)
    assert split_memories(changed, tmp_path)[0] == design
    (contents,) = memories.values()
    assert contents.splitlines()[5] == "@5 26"
    assert len(contents.splitlines()) == 256


def test_verilog_that_does_not_compile(tmp_path):
    (tmp_path / "top.v").write_text("module simtop(input clk; endmodule\n")
    with pytest.raises(FirebrickError, match=r"could not build the design: %Error.*build\.log"):
        build(tmp_path / "top.v", tmp_path / "sim")


def test_no_verilog(tmp_path):
    with pytest.raises(FirebrickError, match="no such Verilog file"):
        build(tmp_path / "top.v", tmp_path / "sim")
    assert not (tmp_path / "sim").exists()


def test_no_library(tmp_path):
    with pytest.raises(FirebrickError, match="cannot load the simulation"):
        Simulator(tmp_path / "simulation.so")
