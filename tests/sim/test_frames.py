import numpy as np
import pytest

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.nodes.graph import Graph
from gen.plan.queues import lag
from sim import golden
from sim.frames import GeneratedBoard, simulate
from sim.simulator import Simulator
from tests.networks import random_frames
from tests.recorder import Recorder


def test_frames_back_to_back_equal_golden(tiny_board):
    frames = random_frames(tiny_board.network, 6)
    with Simulator(tiny_board.folder.simulation / "simulation.so") as simulator:
        result = simulate(simulator, tiny_board.network, frames)
    np.testing.assert_array_equal(result.sums, golden.class_sums(tiny_board.network, frames))
    assert result.latency == result.cycles[0] > 0
    assert result.steady_cycles == result.finished[-1] - result.finished[-2]
    assert len(result.intervals) == 5


def test_a_lone_frame_takes_no_longer_than_its_schedule_says(tiny_board):
    network, plan = tiny_board.network, tiny_board.plan
    with Simulator(tiny_board.folder.simulation / "simulation.so") as simulator:
        result = simulate(simulator, network, random_frames(network, 1))
    assert result.latency <= plan.cycles + lag(Graph.of(network), plan.cycles, plan.nodes)


def test_frames_with_stalls_equal_golden(tiny_board):
    frames = random_frames(tiny_board.network, 5, seed=3)
    with Simulator(tiny_board.folder.simulation / "simulation.so") as simulator:
        for seed, i, o in ((1, 0.4, 0.0), (2, 0.0, 0.9), (3, 0.3, 0.6)):
            simulator.stall(seed, i, o)
            result = simulate(simulator, tiny_board.network, frames)
            expected = golden.class_sums(tiny_board.network, frames)
            np.testing.assert_array_equal(result.sums, expected)


class _GivenUp(Exception):
    pass


class _GivesUp(Recorder):
    def advance(self, done: int, total: int) -> None:
        raise _GivenUp


@pytest.mark.parametrize("button", [False, True])
@pytest.mark.parametrize("waiting", [0.0, 0.95])
def test_a_reset_amid_frames_leaves_nothing_of_them(tiny_board, waiting, button):
    network = tiny_board.network
    first, second = random_frames(network, 6, seed=4), random_frames(network, 2, seed=5)

    with Simulator(tiny_board.folder.simulation / "simulation.so") as simulator:
        for cycles in range(1, 1000, 83):
            simulator.stall(cycles, o=waiting)
            with pytest.raises(_GivenUp):
                simulate(simulator, network, first, progress=_GivesUp())
            simulator.advance(b"", cycles)
            if button:
                simulator.reset()
            simulator.stall(1)
            result = simulate(simulator, network, second)
            np.testing.assert_array_equal(result.sums, golden.class_sums(network, second))


def test_steady_cycles_need_two_frames(tiny_board):
    told = Recorder()
    with Simulator(tiny_board.folder.simulation / "simulation.so") as simulator:
        frames = random_frames(tiny_board.network, 1)
        result = simulate(simulator, tiny_board.network, frames, progress=told)
    assert result.steady_cycles is None
    assert told.steps[-1] == (1, 1)


def test_no_generated_board(tmp_path):
    with pytest.raises(FirebrickError, match=r"no such folder; .*--board arty_a7`"):
        GeneratedBoard.load(BuildFolder(tmp_path / "build" / "arty_a7"))
    with pytest.raises(FirebrickError, match=r"sim_top\.v is missing"):
        GeneratedBoard.load(BuildFolder(tmp_path))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"network": "tiny"}', '{"nodes": [], "costs": {}}', "\\xff", "PLAN"]
)
def test_damaged_plan(tiny_board, tmp_path, text):
    for name in ("sim_top.v", "network.npz"):
        (tmp_path / name).write_bytes((tiny_board.folder.path / name).read_bytes())
    whole = tiny_board.folder.plan.read_text()
    wrong = whole.replace('"clock_hz": 100000000', '"clock_hz": "fast"')
    (tmp_path / "plan.json").write_text(wrong if text == "PLAN" else text)
    with pytest.raises(FirebrickError, match=r"plan\.json: damaged"):
        GeneratedBoard.load(BuildFolder(tmp_path))
