"""The example program, on a simulated board and on boards in plain Python."""

import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from protocol.device import Device
from sim import golden
from sim.board import build_board, load_link
from sim.serve import Terminal
from sim.simulator import Simulator
from tests.host.c.compiled import SOURCES, made
from tests.host.fake_board import FakeBoard, SerialBoard, UdpBoard, classify, device_info
from tests.networks import random_frames, tiny_network

NETWORK = tiny_network(1)
FRAME = random_frames(NETWORK, 1, seed=3)[0]


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    examples = SOURCES / "examples"
    files = (examples / "classify_ppm.c", examples / "posix_port.c", SOURCES / "firebrick.c")
    return made(tmp_path_factory, "classify_ppm", files)


def write_picture(path: Path, frame: np.ndarray, comment: str = "") -> Path:
    height, width, channels = frame.shape
    kind = {1: "P5", 3: "P6"}[channels]
    path.write_bytes(f"{kind}\n{comment}{width} {height}\n255\n".encode() + frame.tobytes())
    return path


@pytest.fixture
def picture(tmp_path):
    return write_picture(tmp_path / "picture.ppm", FRAME, "# from a test\n")


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess:
    command = [str(argument) for argument in (program, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def told(sums: np.ndarray, label: str = "") -> str:
    return f"class {np.argmax(sums)}{label}\nsums {' '.join(map(str, sums.tolist()))}\n"


def test_a_picture_on_a_simulated_board(program, picture, tiny_board):
    done = threading.Event()
    with (
        Simulator(build_board(tiny_board, link=None)) as simulator,
        Terminal(simulator) as terminal,
    ):
        thread = threading.Thread(target=terminal.serve, args=(done.is_set,))
        thread.start()
        try:
            baud = load_link(tiny_board.folder).baud
            found = run(program, "--port", terminal.port, "--baud", baud, picture)
        finally:
            done.set()
            thread.join(timeout=60)
    expected = golden.class_sums(tiny_board.network, FRAME[None])[0]
    assert (found.stdout, found.stderr, found.returncode) == (told(expected), "", 0)


def golden_sums(frame: np.ndarray) -> np.ndarray:
    return golden.class_sums(NETWORK, frame[None])[0]


def test_a_picture_on_a_board_on_a_network(program, picture, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{'long ' * 90}label {index}\n" for index in range(5)))
    expected = golden_sums(FRAME)
    with UdpBoard(Device(device_info(NETWORK), golden_sums)) as board:
        place, digest = f"127.0.0.1:{board.port}", NETWORK.digest.hex()
        found = run(program, "--udp", place, picture)
        assert (found.stdout, found.stderr, found.returncode) == (told(expected), "", 0)
        labels.write_text("".join(f"label {index}\r\n" for index in range(5)))
        found = run(program, "--udp", place, "--digest", digest, "--labels", labels, picture)
        label = f": label {np.argmax(expected)}"
        assert (found.stdout, found.returncode) == (told(expected, label), 0)
        found = run(program, "--udp", place, "--digest", "0" * 16, picture)
        assert found.returncode == 1
        assert found.stderr == f"error: {place}: the board holds another network\n"


def test_a_noisy_line(program, picture):
    class Noisy(FakeBoard):
        count = 0

        def feed(self, data: bytes) -> None:
            super().feed(data)
            self.count += 1
            if self.replies and self.count % 3 == 0:
                self.replies[-1] ^= 1

    board = Noisy(device_info(NETWORK), classify)
    with SerialBoard(board) as line:
        found = run(program, "--port", line.port, "--baud", 1_000_000, picture)
    assert (found.stdout, found.returncode) == (told(classify(FRAME)), 0)


def test_a_board_that_is_not_there(program, picture):
    with UdpBoard(Device(device_info(NETWORK), classify)) as board:
        port = board.port
    found = run(program, "--udp", f"127.0.0.1:{port}", "--timeout", 1, picture)
    assert found.returncode == 1
    assert "the board says nothing" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give classify_ppm"),
        (("{picture}",), "give classify_ppm"),
        (("--udp", "x", "--port", "y", "--baud", "9", "{picture}"), "give classify_ppm"),
        (("--port", "/dev/null", "{picture}"), "give classify_ppm"),
        (("--port", "/dev/null", "--baud", "1", "--timeout", "0", "{picture}"), "give"),
        (("--port", "/dev/null", "--baud", "12x", "{picture}"), "give classify_ppm"),
        (("--udp", "127.0.0.1", "--digest", "12", "{picture}"), "give classify_ppm"),
        (("--udp", "127.0.0.1", "{picture}", "{picture}"), "give classify_ppm"),
        (("--udp", "127.0.0.1", "{picture}", "--labels"), "give classify_ppm"),
        (("--port", "/dev/null", "--baud", "9600", "{picture}"), "/dev/null: no serial port"),
        (("--port", "/dev/no", "--baud", "9600", "{picture}"), "/dev/no: cannot open"),
        (("--udp", ":1", "{picture}"), ":1: give a host, or HOST:PORT"),
        (("--udp", "127.0.0.1:x", "{picture}"), "127.0.0.1:x: "),
    ],
)
def test_bad_arguments(program, picture, arguments, message):
    found = run(program, *(argument.format(picture=picture) for argument in arguments))
    assert (found.stdout, found.returncode) == ("", 2)
    assert found.stderr.startswith(f"error: {message}")
    assert found.stderr.count("\n") == 1


def test_pictures_and_labels_that_are_wrong(program, picture, tmp_path):
    good, small = picture.read_bytes(), write_picture(tmp_path / "small.ppm", FRAME[1:])
    height, width, _ = FRAME.shape
    bad = {
        "no.ppm": (None, "No such file"),
        "text.ppm": (b"P3\n1 1\n255\n1 2 3\n", "no binary PPM"),
        "empty.ppm": (b"", "no binary PPM"),
        "huge.ppm": (b"P6 99999999999 4 255 ", "no binary PPM"),
        "deep.ppm": (good.replace(b"\n255\n", b"\n65535\n"), "no binary PPM"),
        "cut.ppm": (good[:-1], "the file ends before its pixels do"),
        "grey.pgm": (good.replace(b"P6", b"P5"), f"{width}x{height} pixels of 1 channels; the"),
        "small.ppm": (small.read_bytes(), f"{width}x{height - 1} pixels of 3 channels; the"),
    }
    with UdpBoard(Device(device_info(NETWORK), classify)) as board:
        place = f"127.0.0.1:{board.port}"
        for name, (data, message) in bad.items():
            path = tmp_path / name
            if data is not None:
                path.write_bytes(data)
            found = run(program, "--udp", place, path)
            assert (found.stdout, found.returncode) == ("", 2)
            assert found.stderr.startswith(f"error: {path}: {message}")
        few = tmp_path / "labels.txt"
        few.write_text("one\n")
        found = run(program, "--udp", place, "--labels", few, picture)
        assert found.returncode == 2
        assert f"{few}: cannot read a label of class 4 there" in found.stderr
