"""The emitted top of a board, pads and all, at the end of a serial line."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from boards import BOARDS
from gen.emit import emit
from gen.network import QuantizedNetwork
from gen.planner import plan
from gen.rtlil import run_yosys
from host.protocol import FRAME, INFO, INFO_BYTES, RESULT, DeviceInfo, Result
from sim import golden
from tests.harness.verilated import TOP, VerilatedDesign
from tests.networks import random_frames, tiny_network

BOARD = replace(BOARDS["arty_a7"], baud=12_500_000)
"""A faster line than the board's, 8 cycles a bit, to simulate less of it."""
PS = 10**12


@dataclass(frozen=True)
class Step:
    """What the host does next: put bits on the line, wait until some bytes have come since.

    With ``reset``, the board's reset button is pressed first.
    """

    bits: str
    receive: int = 0
    reset: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came during a step, and the board's lights after it."""

    received: bytes
    busy: bool
    wrong: bool


@dataclass(frozen=True)
class Bench:
    """The board's top in Verilator, made from a network."""

    design: VerilatedDesign
    network: QuantizedNetwork

    @property
    def result_bytes(self) -> int:
        return 1 + 4 + 4 * self.network.output.shape[2]

    def frame(self, pixels: np.ndarray) -> bytes:
        return FRAME + pixels.tobytes()

    def run(self, *steps: Step, rate: float = 1.0, seed: int = 1) -> list[Outcome]:
        """Power the board up and take the steps, with a host that is off by the factor ``rate``."""
        outcome = self.design.run(
            "tests.boards.line_bench",
            {
                "seed": seed,
                "clock_ps": PS // BOARD.clock_hz,
                "bit_ps": round(PS / (BOARD.baud * rate)),
                "steps": [asdict(step) for step in steps],
            },
        )
        assert outcome["failure"] is None, outcome["failure"]
        assert len(outcome["steps"]) == len(steps)
        return [
            Outcome(bytes.fromhex(step["received"]), bool(step["busy"]), bool(step["wrong"]))
            for step in outcome["steps"]
        ]

    def results(self, data: bytes, frames: np.ndarray) -> list[Result]:
        """Read results, whose class sums must be those of the golden model for ``frames``."""
        size = self.result_bytes
        assert len(data) == len(frames) * size
        blocks = [data[start : start + size] for start in range(0, len(data), size)]
        assert [block[:1] for block in blocks] == [RESULT] * len(frames)
        results = [Result.decode(block[1:]) for block in blocks]
        sums = np.stack([result.sums for result in results])
        np.testing.assert_array_equal(sums, golden.class_sums(self.network, frames))
        return results

    def check_info(self, data: bytes) -> None:
        height, width, channels = self.network.input.shape
        assert data[:1] == INFO
        assert DeviceInfo.decode(data[1:]) == DeviceInfo(
            height=height,
            width=width,
            channels=channels,
            classes=self.network.output.shape[2],
            clock_hz=BOARD.clock_hz,
            digest=self.network.digest,
        )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("top")
    network = tiny_network(5)
    emit(network, plan(network, BOARD), BOARD, folder / "board")
    source = folder / f"{TOP}.v"
    _add_primitives(folder / "board" / "top.il", source)
    return Bench(VerilatedDesign(source, folder, ("*__io",)), network)


def _add_primitives(rtlil: Path, verilog: Path) -> None:
    """The top with Yosys' models of the buffers and flip-flops that it takes from the vendor."""
    run_yosys(
        f'read_rtlil "{rtlil}"',
        "read_verilog -defer +/xilinx/cells_sim.v",
        f"hierarchy -check -top {TOP}",
        "proc -nomux -norom",
        "memory_collect",
        "delete t:$scopeinfo",
        f'write_verilog -norename -noattr "{verilog}"',
    )


def byte_bits(data: bytes, stop: int = 1) -> str:
    """Bytes as they are on the line, the first bit first."""
    return "".join(f"0{f'{byte:08b}'[::-1]}{stop}" for byte in data)


@pytest.mark.parametrize("rate", [0.98, 1.02])
def test_info_and_frames_back_to_back(bench, rate):
    frames = random_frames(bench.network, 3, seed=7)
    info, sent, last = bench.run(
        Step(byte_bits(INFO), receive=1 + INFO_BYTES),
        Step(byte_bits(b"".join(map(bench.frame, frames))), receive=2 * bench.result_bytes),
        Step("", receive=bench.result_bytes),
        rate=rate,
        seed=round(100 * rate),
    )
    bench.check_info(info.received)
    assert sent.busy
    assert not last.busy
    results = bench.results(sent.received + last.received, frames)
    line_cycles = (frames[0].size - 1) * 10 * BOARD.clock_hz / (BOARD.baud * rate)
    for result in results:
        assert line_cycles - 1 <= result.cycles < 2 * line_cycles
    assert not any(outcome.wrong for outcome in (info, sent, last))


def test_noise_between_commands_is_ignored(bench):
    frames = random_frames(bench.network, 2, seed=8)
    line_break = "0" * 35 + "11"
    unframed = byte_bits(FRAME, stop=0) + "11"
    garbage, first, broken, second = bench.run(
        Step(byte_bits(b"\x00\xffR" + INFO), receive=1 + INFO_BYTES),
        Step(byte_bits(bench.frame(frames[0])), receive=bench.result_bytes),
        Step(line_break + unframed),
        Step(byte_bits(bench.frame(frames[1])), receive=bench.result_bytes),
        seed=2,
    )
    bench.check_info(garbage.received)
    assert garbage.wrong
    bench.results(first.received, frames[:1])
    assert broken.received == b""
    bench.results(second.received, frames[1:])


def test_a_byte_lost_inside_a_frame(bench):
    """The frame stays one byte short: any byte completes it, and the next frame is right."""
    frames = random_frames(bench.network, 2, seed=9)
    pixels, lost, filler = frames[0].tobytes(), 100, 0x5A
    shifted = np.frombuffer(pixels[:lost] + pixels[lost + 1 :] + bytes([filler]), np.uint8)
    damaged = "".join(
        [
            byte_bits(FRAME + pixels[:lost]),
            byte_bits(pixels[lost : lost + 1], stop=0) + "1",
            byte_bits(pixels[lost + 1 :]),
        ]
    )
    before, short, completed, after = bench.run(
        Step(byte_bits(INFO), receive=1 + INFO_BYTES),
        Step(damaged + "1" * 100),
        Step(byte_bits(bytes([filler])), receive=bench.result_bytes),
        Step(byte_bits(bench.frame(frames[1])), receive=bench.result_bytes),
        seed=3,
    )
    assert not before.wrong
    assert short == Outcome(b"", busy=True, wrong=True)
    bench.results(completed.received, shifted.reshape(1, *frames[0].shape))
    bench.results(after.received, frames[1:])


def test_the_reset_button_forgets_half_a_frame(bench):
    frames = random_frames(bench.network, 1, seed=10)
    begun = byte_bits(b"?" + bench.frame(frames[0])[:150])
    half, info, whole = bench.run(
        Step(begun),
        Step(byte_bits(INFO), receive=1 + INFO_BYTES, reset=True),
        Step(byte_bits(bench.frame(frames[0])), receive=bench.result_bytes),
        seed=4,
    )
    assert half == Outcome(b"", busy=True, wrong=True)
    bench.check_info(info.received)
    assert not info.wrong
    bench.results(whole.received, frames)
    assert not whole.busy
