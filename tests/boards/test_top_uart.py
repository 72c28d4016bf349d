"""The emitted top of a board, pads and all, at the end of a serial line."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from boards import BOARDS
from gen.backend.behaviour import behavioural
from gen.backend.emit import emit
from gen.backend.rtlil import run_yosys
from gen.common.build_folder import BuildFolder
from gen.ir.network import QuantizedNetwork
from gen.plan.planner import plan
from protocol.framing import Deframer, frame
from protocol.messages import NETWORK_BYTES, DeviceInfo, Part
from protocol.packets import CREDIT, INFO, OVERHEAD, RESULT, Kind, Packet
from sim import golden
from tests.harness.verilated import TOP, VerilatedDesign, build
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
    def frame_answer(self) -> int:
        """Bytes of an acknowledgement and a result, without escapes."""
        classes = self.network.output.shape[2]
        return 2 * OVERHEAD + CREDIT.size + RESULT.size + 4 * classes

    def frame(self, pixels: np.ndarray, sequence: int) -> bytes:
        """A frame that fits into one packet."""
        return packet(Kind.FRAME, sequence, pixels.tobytes())

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

    def check_results(self, outcomes: list[Outcome], frames: np.ndarray, first: int) -> None:
        """Compare the class sums of all frames with those of the golden model."""
        found = {p.sequence: p.payload for p in packets(outcomes) if p.kind == Kind.RESULT}
        assert list(found) == list(range(first, first + len(frames)))
        parts = [Part.decode(data, 0, self.info.classes) for data in found.values()]
        assert {part.network for part in parts} == {self.network.digest[:NETWORK_BYTES]}
        np.testing.assert_array_equal(
            [part.sums for part in parts], golden.class_sums(self.network, frames)
        )

    @property
    def info(self) -> DeviceInfo:
        """What the board should say of itself."""
        shape, classes = self.network.input.shape, self.network.output.shape[2]
        return DeviceInfo(
            *shape,
            classes,
            BOARD.clock_hz,
            self.network.digest,
            streams=len(self.network.ops),
            structure=self.network.structure,
        )


def packet(kind: Kind, sequence: int, payload: bytes = b"") -> bytes:
    return frame(Packet(kind, sequence, 0, payload).encode())


def packets(outcomes: list[Outcome]) -> list[Packet]:
    """What came in all steps; nothing may be damaged."""
    found = Deframer().feed(b"".join(outcome.received for outcome in outcomes))
    decoded = [Packet.decode(data) for data in found]
    assert None not in decoded
    return decoded


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("top")
    network = tiny_network(5)
    emit(network, plan(network, BOARD), BOARD, BuildFolder(folder / "board"))
    source = folder / f"{TOP}.v"
    _add_primitives(folder / "board" / "top.il", source)
    build(source, folder, ("*__io",))
    return Bench(VerilatedDesign(folder, folder), network)


def _add_primitives(rtlil: Path, verilog: Path) -> None:
    """The top with models of what it takes from the vendor: Yosys' and, of block RAM, ours."""
    run_yosys(
        f'read_rtlil "{rtlil}"',
        *behavioural(rtlil, verilog.parent),
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
    sent = b"".join(bench.frame(pixels, 5 + number) for number, pixels in enumerate(frames))
    outcomes = bench.run(
        Step(byte_bits(packet(Kind.RESET, 5)), receive=OVERHEAD),
        Step(byte_bits(packet(Kind.INFO, 9)), receive=OVERHEAD + INFO.size),
        Step(byte_bits(sent), receive=2 * bench.frame_answer),
        Step("", receive=bench.frame_answer),
        rate=rate,
        seed=round(100 * rate),
    )
    reset, info, *_ = packets(outcomes)
    assert reset == Packet(Kind.RESET, 5)
    assert info == Packet(Kind.INFO, 9, 0, bench.info.encode())
    bench.check_results(outcomes, frames, 5)
    assert not any(outcome.wrong for outcome in outcomes)
    assert not outcomes[-1].busy


def test_noise_and_lost_bytes_cost_a_packet_only(bench):
    frames = random_frames(bench.network, 2, seed=8)
    sent = bench.frame(frames[0], 3)
    line_break = "0" * 35 + "11"
    damaged = byte_bits(sent[:100]) + byte_bits(sent[100:101], stop=0) + "1" + byte_bits(sent[101:])
    again = byte_bits(bench.frame(frames[0], 3) + bench.frame(frames[1], 4))
    begun, noisy, short, right = bench.run(
        Step(byte_bits(packet(Kind.RESET, 3)), receive=OVERHEAD),
        Step(line_break + byte_bits(b"\x00\xff")),
        Step(damaged),
        Step(again, receive=OVERHEAD + CREDIT.size + 2 * bench.frame_answer),
        seed=2,
    )
    assert not begun.wrong
    assert noisy.wrong
    assert noisy.received == short.received == b""
    assert Kind.NACK in {p.kind for p in packets([right])}
    bench.check_results([right], frames, 3)


def test_the_reset_button_forgets_half_a_frame(bench):
    frames = random_frames(bench.network, 1, seed=10)
    half, reset, whole = bench.run(
        Step(byte_bits(bench.frame(frames[0], 0)[:150]) + byte_bits(b"x", stop=0) + "1"),
        Step("", reset=True),
        Step(byte_bits(bench.frame(frames[0], 0)), receive=bench.frame_answer),
        seed=4,
    )
    assert half == Outcome(b"", busy=False, wrong=True)
    assert reset == Outcome(b"", busy=False, wrong=False)
    bench.check_results([whole], frames, 0)
    assert not whole.busy
