"""Cores of a small network for all widths of beats, side by side in one simulator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring

from boards import BOARDS
from gen.backend.assemble import Accelerator
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.plan.plan import Plan
from gen.plan.planner import plan
from hw.axi.core import NAME, Core, CoreShell, ports
from protocol.registers import BEAT_BITS, BY_NAME, CoreInfo, FrameError
from sim import golden
from tests.harness.shared import locked
from tests.harness.verilated import TOP, VerilatedDesign, build, program
from tests.harness.verilog import write_verilog
from tests.networks import NetworkBuilder

Beats = list[list[int]]
"""Of each, the data, TLAST and TUSER."""
CYCLES = 300
"""A frame, that will do."""
OKAY, SLVERR, DECERR = 0, 2, 3


def small_network() -> QuantizedNetwork:
    """Two convolutions; a frame has 90 bytes, which do not fill beats of 4."""
    net = NetworkBuilder((5, 6, 3), 3)
    x = net.conv("conv1", INPUT, 4, 3, stride=2, pad=1)
    return net.finish("small", net.conv("conv10", x, 3, 1, signed=True))


def small_plan(network: QuantizedNetwork) -> Plan:
    """A plan for it."""
    return plan(network, BOARDS["arty_a7"], fps=100_000_000 / CYCLES)


def core_info(network: QuantizedNetwork, beat_bits: int) -> CoreInfo:
    """What the core of a network says of itself."""
    classes, layers = network.output.shape[2], len(network.ops)
    shape = network.input.shape
    return CoreInfo(*shape, classes, layers, beat_bits, 100_000_000, network.digest)


class Cores(wiring.Component):
    """A core of each width; the names of the ports of one begin with ``u8``, say."""

    def __init__(self, network: QuantizedNetwork):
        self._network = network
        super().__init__(
            {
                f"u{bits}_{name}": member
                for bits in BEAT_BITS
                for name, member in ports(bits).items()
            }
        )

    def elaborate(self, platform):
        m = Module()
        made = small_plan(self._network)
        for bits in BEAT_BITS:
            shell = CoreShell(
                core_info(self._network, bits), Accelerator(self._network, made), made.sums_memory
            )
            m.submodules[f"core{bits}"] = core = Core(shell, bits)
            for name, member in ports(bits).items():
                outer, inner = getattr(self, f"u{bits}_{name}"), getattr(core, name)
                m.d.comb += inner.eq(outer) if member.flow is wiring.In else outer.eq(inner)
        return m


@dataclass(frozen=True)
class Outcome:
    """What the steps of a run returned, what came on both streams, and when packets ended."""

    results: list[Any]
    sums: Beats
    best: Beats
    ends: list[int]


class CoreBench:
    """Runs of cores of a network, each from power-up.

    Parameters
    ----------
    network : QuantizedNetwork
    write : callable
        Writes the Verilog of a top, whose ports are those of cores, and begin with ``u8`` where
        beats have 8 bits.
    built : Path
        Where to compile; all processes of a test run have it in common.
    folder : Path
        Where to run.
    """

    def __init__(
        self, network: QuantizedNetwork, write: Callable[[Path], object], built: Path, folder: Path
    ):
        self.network = network
        with locked(built):
            if not program(built).exists():
                write(built / f"{TOP}.v")
                build(built / f"{TOP}.v", built, ["u*"])
        self._design = VerilatedDesign(built, folder)

    @staticmethod
    def of_all_widths(built: Path, folder: Path) -> "CoreBench":
        """Those of a small network."""
        network = small_network()
        return CoreBench(
            network, lambda path: write_verilog(Cores(network), path, TOP), built, folder
        )

    @staticmethod
    def of_verilog(
        network: QuantizedNetwork, beat_bits: int, verilog: str, built: Path, folder: Path
    ) -> "CoreBench":
        """That of a network whose core was written as Verilog."""
        return CoreBench(network, around(verilog, beat_bits), built, folder)

    def info(self, beat_bits: int) -> CoreInfo:
        return core_info(self.network, beat_bits)

    def run(
        self, beat_bits: int, steps: Sequence[Sequence], *, stall: float = 0.0, seed: int = 1
    ) -> Outcome:
        """Take steps of :class:`tests.hw.axi.bus_bench.Bench`."""
        spec = {"unit": f"u{beat_bits}", "seed": seed, "stall": stall, "steps": list(steps)}
        outcome = self._design.run("tests.hw.axi.bus_bench", spec)
        assert outcome["failure"] is None, f"{outcome['failure']} ({self._design.last_run})"
        received = outcome["received"]
        streams = received["m_axis"], received["m_axis_top1"]
        return Outcome(outcome["results"], *streams, outcome["ends"])

    def answers(self, frames: np.ndarray, malformed: Sequence[bool] = ()) -> tuple[Beats, Beats]:
        """What must come of frames, by the golden model: class sums, and best classes."""
        sums_of = golden.class_sums(self.network, frames).tolist()
        sums, best = [], []
        for number, row in enumerate(sums_of):
            user = int(bool(malformed) and malformed[number])
            sums += [[v % 2**32, int(c == len(row) - 1), user] for c, v in enumerate(row)]
            top = max(range(len(row)), key=lambda c: row[c])
            best.append([top | (row[top] % 2**32) << 32, 1, user])
        return sums, best


def around(verilog: str, beat_bits: int) -> Callable[[Path], object]:
    """What writes a core's Verilog with a top around it, as :class:`CoreBench` takes it."""
    declared, wires = [], []
    for name, member in ports(beat_bits).items():
        way = "input" if member.flow is wiring.In else "output"
        declared.append(f"{way} [{member.shape - 1}:0] u{beat_bits}_{name}")
        wires.append(f".{name}(u{beat_bits}_{name})")
    inside = f"{NAME} core({', '.join(wires)});"
    top = f"module {TOP}({', '.join(declared)});\n{inside}\nendmodule\n"
    return lambda path: path.write_text(top + verilog)


def beats(data: bytes, beat_bits: int, *, last: bool = True, user: bool = False) -> Beats:
    """Bytes as beats: ``last`` on the last one, ``user`` on the first one.

    What the last one has to spare is set, since nobody should look at it.
    """
    size = beat_bits // 8
    padded = data + b"\xa5" * (-len(data) % size)
    words = [padded[at : at + size] for at in range(0, len(padded), size)]
    found = [[int.from_bytes(word, "little"), 0, 0] for word in words]
    found[-1][1], found[0][2] = int(last), int(user)
    return found


@dataclass(frozen=True)
class Taken:
    """A frame as the accelerator gets it, and what was wrong with it."""

    data: bytes
    error: FrameError


def taken(sent: Beats, info: CoreInfo) -> list[Taken]:
    """The frames that beats amount to, by what ``docs/ip-core.md`` says of them.

    They are cut in front of each ``TUSER`` and behind each ``TLAST``, and each piece is one frame.
    One that has not ended yet counts once its bytes are there.
    """
    size, whole, found = info.beat_bits // 8, info.frame_bytes, []
    data, skipping = bytearray(), False
    for word, last, user in sent:
        skipping &= not user
        if skipping:
            skipping = not last
            continue
        if user and data:
            found.append(Taken(bytes(data).ljust(whole, b"\0"), FrameError.RESTARTED))
            data = bytearray()
        data += word.to_bytes(size, "little")
        if len(data) >= whole:
            error = FrameError.NONE if last else FrameError.LONG
            found.append(Taken(bytes(data[:whole]), error))
            data, skipping = bytearray(), not last
        elif last:
            found.append(Taken(bytes(data).ljust(whole, b"\0"), FrameError.SHORT))
            data = bytearray()
    return found


def address(name: str) -> int:
    """Of a register."""
    return BY_NAME[name].address
