import json
from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.common.manifest import UartLink
from gen.common.progress import Silent
from gen.ir.network_file import save_network
from host.cli import app
from host.driver import Driver
from host.expected import expected_sums
from host.stimuli import stimuli
from host.verification import PACES, Rate, Verdict, verify
from sim import golden
from tests.generated import photographs, run_command
from tests.host.fake_board import FakeBoard, MemoryTransport, SerialBoard, device_info
from tests.host.test_cli import manifest
from tests.networks import random_frames, tiny_network, with_op

CLASSES = 5
NETWORK = tiny_network(1)


def right(frame: np.ndarray) -> np.ndarray:
    return golden.class_sums(NETWORK, frame[None])[0]


def with_flipped_weight(frame: np.ndarray) -> np.ndarray:
    """As a board does whose weight memory has a wrong bit."""
    weights = NETWORK.op("conv10").weights.copy()
    weights[2, 0, 0, 0] ^= 64
    return golden.class_sums(with_op(NETWORK, "conv10", weights=weights), frame[None])[0]


class FlippingBits:
    """As a board does that is clocked too fast: now and then a bit of a sum is wrong."""

    def __init__(self, seed: int, chance: float):
        self._rng, self._chance = np.random.default_rng(seed), chance

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        sums = right(frame)
        if self._rng.random() < self._chance:
            sums[self._rng.integers(CLASSES)] ^= 1 << int(self._rng.integers(12))
        return sums


def compared(classify, count=24, frames=8):
    sent = random_frames(NETWORK, frames)
    expected = expected_sums(NETWORK, sent)
    with Driver(MemoryTransport(FakeBoard(device_info(NETWORK), classify)), NETWORK) as board:
        rng = np.random.default_rng(1)
        return verify(board, sent, expected, count=count, rng=rng)


def test_expected_sums_are_the_golden_models():
    frames = random_frames(NETWORK, 7)
    told = []

    class Told(Silent):
        def advance(self, done, total):
            told.append((done, total))

    sums = expected_sums(NETWORK, frames, progress=Told())
    np.testing.assert_array_equal(sums, golden.class_sums(NETWORK, frames))
    assert told == [(done, 7) for done in range(1, 8)]


def test_a_board_that_is_right():
    found = compared(right)
    assert (found.verdict, found.wrong) == (Verdict.RIGHT, [])
    assert found.answers == dict.fromkeys(range(8), 9)
    assert [(rate.pace, rate.answers) for rate in found.rates] == [(pace, 24) for pace in PACES]
    assert found.cycles == 12 * 10 * 3


def test_a_flipped_weight_is_constant():
    found = compared(with_flipped_weight)
    assert found.verdict is Verdict.CONSTANT
    frames = random_frames(NETWORK, 8)
    errors = [with_flipped_weight(frame) - right(frame) for frame in frames]
    assert found.wrong_frames() == [frame for frame in range(8) if errors[frame].any()] != []
    assert found.wrong_frames(2) == found.wrong_frames()
    assert found.wrong_frames(0) == []
    for one in found.wrong:
        np.testing.assert_array_equal(one.errors, errors[one.frame])
    assert sum(found.wrong_at(pace) for pace in PACES) == len(found.wrong)


@pytest.mark.parametrize("chance", [0.03, 0.3, 1.0])
def test_flipped_bits_vary(chance):
    found = compared(FlippingBits(3, chance))
    assert found.verdict is Verdict.VARYING
    assert 0 < len(found.wrong) <= 72
    assert all(np.count_nonzero(one.errors) == 1 for one in found.wrong)


def test_an_error_of_only_one_answer_in_two_varies():
    turn = iter(range(1000))
    found = compared(lambda frame: right(frame) + next(turn) % 2, frames=1, count=1)
    assert (found.verdict, len(found.wrong)) == (Verdict.VARYING, 1)


def test_frames_are_all_different_and_come_again_from_a_seed(tmp_path):
    paths = photographs(tmp_path, 2)
    names, frames = stimuli(NETWORK, paths, 12, 5)
    assert names[:2] == [str(path) for path in paths]
    assert {"black", "white", "chequerboard", "gradient", "noise 2", "shades 2"} <= set(names)
    assert (frames.shape, frames.dtype) == ((12, *NETWORK.input.shape), np.uint8)
    assert len({frame.tobytes() for frame in frames}) == len(set(names)) == 12
    np.testing.assert_array_equal(stimuli(NETWORK, paths, 12, 5)[1], frames)
    assert (stimuli(NETWORK, paths, 12, 6)[1] != frames).any()
    assert len(stimuli(NETWORK, paths, 1, 5)[1]) == 2


@pytest.fixture
def build(tmp_path):
    save_network(NETWORK, tmp_path / "network.npz")
    (tmp_path / "manifest.json").write_text(manifest(UartLink(1_000_000)))
    return tmp_path


def run(build, classify, monkeypatch, capsys, *arguments):
    """Exit status and output of ``host verify`` on a serial port."""
    with SerialBoard(FakeBoard(device_info(NETWORK), classify)) as board:
        options = ("verify", "--port", board.port, "--build", build, "--frames", 12, *arguments)
        status = run_command(monkeypatch, app, *options)
    captured = capsys.readouterr()
    assert captured.err == ""
    return status, captured.out


def test_the_command_says_that_all_is_right(build, monkeypatch, capsys):
    status, text = run(build, right, monkeypatch, capsys)
    assert status == 0
    assert "This bitstream computes what it should: in 36 answers to 12 different frames" in text
    assert "class 2" not in text


def test_the_command_with_pictures_and_json(build, monkeypatch, capsys):
    paths = photographs(build, 2)
    status, text = run(build, right, monkeypatch, capsys, "--json", *paths)
    entry = json.loads(text)
    assert (status, entry["verdict"], entry["answers"], entry["wrong"]) == (0, "right", 36, 0)
    assert [pace["pace"] for pace in entry["paces"]] == [pace.name for pace in PACES]
    assert all(pace["frames_per_second"] > 0 for pace in entry["paces"])
    assert (entry["classes"], entry["wrong_frames"], entry["damaged_packets"]) == ([], [], 0)


def test_the_command_points_to_the_tool(build, monkeypatch, capsys):
    status, text = run(build, with_flipped_weight, monkeypatch, capsys)
    assert status == 1
    assert "class 2" in text
    assert "class 1" not in text
    assert "1 of 5 classes have wrong sums" in text
    assert "has the same ones every time. That points to the tool that built" in text
    status, text = run(build, with_flipped_weight, monkeypatch, capsys, "--json")
    entry = json.loads(text)
    assert (status, entry["verdict"]) == (1, "constant")
    (wrong,) = entry["classes"]
    assert (wrong["label"], wrong["wrong"]) == ("class 2", entry["wrong"])
    assert wrong["frames"] == len(entry["wrong_frames"])


def test_the_command_points_to_timing(build, monkeypatch, capsys):
    status, text = run(build, FlippingBits(1, 0.2), monkeypatch, capsys)
    assert status == 1
    assert "has other sums when it is sent again." in text
    assert "That points to timing" in text
    assert "all were right" not in text


def test_what_is_right_one_by_one_is_told(build, monkeypatch, capsys):
    turn = iter(range(36))
    status, text = run(build, lambda frame: right(frame) + (next(turn) == 3), monkeypatch, capsys)
    assert status == 1
    assert "1 of 36 answers are wrong" in text
    assert "Sent one by one, all were right." in text


def test_a_simulated_board(tiny_board, monkeypatch, capsys):
    arguments = ("verify", "--sim", tiny_board.folder, "--frames", 5)
    assert run_command(monkeypatch, app, *arguments) == 0
    assert (
        "The generated hardware computes what it should: in 15 answers" in capsys.readouterr().out
    )
    assert run_command(monkeypatch, app, *arguments, "--json") == 0
    entry = json.loads(capsys.readouterr().out)
    assert (entry["verdict"], entry["clock_hz"]) == ("right", 100_000_000)
    assert entry["cycles"] >= tiny_board.plan.cycles
    assert all(pace["frames_per_second"] > 0 for pace in entry["paces"])


def test_a_rate_leaves_out_the_way_of_the_first_frame():
    assert Rate.between(PACES[0], [1.0, 5.0, 6.0, 7.0, 8.0]) == Rate(PACES[0], 4, 1.0)
    assert Rate.between(PACES[1], [1.0, 5.0]) == Rate(PACES[1], 1, 4.0)


def test_a_board_that_stops_is_told():
    """And how many answers had come until then."""
    lost = iter(range(1000))

    class Stopping(FakeBoard):
        def feed(self, data):
            if self.frames < 10:
                super().feed(data)

    sent = random_frames(NETWORK, 8)
    expected = expected_sums(NETWORK, sent)
    board = Stopping(device_info(NETWORK), lambda frame: right(frame) + (next(lost) == 3))
    with Driver(MemoryTransport(board), NETWORK) as driver:
        reason = r"said nothing for .*\(after 10 answers, of which 1 were wrong\)"
        with pytest.raises(FirebrickError, match=reason):
            verify(driver, sent, expected, count=24, rng=np.random.default_rng(1))


def test_another_network_is_refused(build, monkeypatch, capsys):
    other = replace(device_info(NETWORK), digest=bytes(8))
    with SerialBoard(FakeBoard(other, right)) as board:
        options = ("verify", "--port", board.port, "--build", build)
        assert run_command(monkeypatch, app, *options) == 2
    assert "it holds network 0000000000000000" in capsys.readouterr().err
