import random
import struct
from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gen.errors import FirebrickError
from host.protocol import DeviceInfo
from hw.shell import FrameServer, Identity, Shell, model
from hw.stream import lane_stream
from sim.simulator import Simulator
from sim.toolchain import write_verilog
from sim.verilate import build
from tests.harness import StreamBench

IDENTITY = Identity(3, 4, 2, 3, 50_000_000, bytes(range(8)))


class Weigher(wiring.Component):
    """Stands in for an accelerator: class sums are the pixels' sum times 1, -2, 3."""

    def __init__(self, pixels: int, classes: int):
        self._pixels, self._classes = pixels, classes
        super().__init__(
            {"i": In(lane_stream(1, unsigned(8))), "o": Out(lane_stream(1, signed(32)))}
        )

    def elaborate(self, platform):
        m = Module()
        count, total = Signal(range(self._pixels + 1)), Signal(24)
        index = Signal(range(self._classes))
        full = count == self._pixels
        factor = index + 1
        m.d.comb += [
            self.i.ready.eq(~full),
            self.o.valid.eq(full),
            self.o.payload[0].eq(Mux(index[0], -(total * factor), total * factor)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [count.eq(count + 1), total.eq(total + self.i.payload[0])]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += index.eq(index + 1)
            with m.If(index == self._classes - 1):
                m.d.sync += [index.eq(0), count.eq(0), total.eq(0)]
        return m


def weigh(frame: bytes) -> list[int]:
    total = sum(frame)
    return [total, -2 * total, 3 * total]


class Streams(wiring.Component):
    """A frame server with nothing but its streams, as the stream harness wants it."""

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.server = server = make_server()
        wiring.connect(m, wiring.flipped(self.i), server.i)
        wiring.connect(m, server.o, wiring.flipped(self.o))
        return m


def make_server() -> FrameServer:
    return FrameServer(IDENTITY, Weigher(IDENTITY.frame_bytes, IDENTITY.classes))


def make_stream(count: int, seed: int) -> bytes:
    """Commands in random order, frames with pixels that look like commands, unknown bytes."""
    rng = random.Random(seed)
    parts = []
    for _ in range(count):
        kind = rng.choice("IFFFx")
        if kind == "F":
            pixels = rng.choices(b"IFR\x00\xff\x13", k=IDENTITY.frame_bytes)
            parts.append(b"F" + bytes(pixels))
        else:
            parts.append(b"I" if kind == "I" else bytes(rng.choices(b"\x00Rf\xff", k=3)))
    return b"".join(parts)


def answer_length(data: bytes) -> int:
    frame = 5 + 4 * IDENTITY.classes
    return sum(33 if item is None else frame for item in model(IDENTITY, data))


def check_answers(data: bytes, answers: bytes) -> list[int]:
    """Compare with the model; returns the cycles of each frame."""
    position, cycles = 0, []
    for item in model(IDENTITY, data):
        if item is None:
            assert answers[position : position + 33] == b"I" + IDENTITY.encode()
            position += 33
            continue
        kind, count, *sums = struct.unpack_from("<cI3i", answers, position)
        assert (kind, sums) == (b"R", weigh(item))
        cycles.append(count)
        position += 5 + 4 * IDENTITY.classes
    assert position == len(answers)
    return cycles


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    write_verilog(make_server(), folder / "server.v", "simtop")
    return build(folder / "server.v", folder / "sim")


def test_frames_and_infos_are_answered_in_turn(library):
    data = make_stream(60, seed=1)
    with Simulator(library) as simulator:
        done = simulator.run(data, answer_length(data), drain=False)
    assert min(check_answers(data, done.data)) == IDENTITY.frame_bytes + IDENTITY.classes - 1


def test_cycles_count_from_first_pixel_to_last_sum(library):
    data = 5 * (b"F" + bytes(range(IDENTITY.frame_bytes)))
    with Simulator(library) as simulator:
        done = simulator.run(data, answer_length(data), drain=False)
    cycles = check_answers(data, done.data)
    assert cycles == 5 * [IDENTITY.frame_bytes + IDENTITY.classes - 1]


@pytest.mark.parametrize(("i", "o"), [(0.5, 0.0), (0.0, 0.6), (0.3, 0.3), (0.9, 0.1)])
def test_stalls_change_cycles_only(library, i, o):
    data = make_stream(60, seed=2)
    with Simulator(library) as simulator:
        simulator.stall(3, i=i, o=o)
        done = simulator.run(data, answer_length(data), drain=False)
    assert min(check_answers(data, done.data)) >= IDENTITY.frame_bytes + IDENTITY.classes - 1


def test_a_truncated_frame_waits_for_the_rest(library):
    frame = bytes(range(IDENTITY.frame_bytes))
    with Simulator(library) as simulator:
        with pytest.raises(FirebrickError, match="stalled"):
            simulator.run(b"F" + frame[:-1], 1, idle_limit=500, drain=False)
        done = simulator.run(frame[-1:] + b"I", 50, drain=False)
    check_answers(b"F" + frame + b"I", done.data)


def test_streams_hold(tmp_path):
    bench = StreamBench(Streams(), "shell", tmp_path)
    commands = np.frombuffer(b"Ix\x00I", dtype=np.uint8)
    answers = np.frombuffer(2 * (b"I" + IDENTITY.encode()), dtype=np.uint8)
    bench.run({"i": [commands]}, {"o": [answers]}, stalls=0.5, seed=1)
    result = bench.run({"i": [commands]}, {"o": [answers]})
    assert result.bubbles("o") == 0


def test_the_host_reads_the_identity():
    info = DeviceInfo.decode(IDENTITY.encode())
    assert (info.height, info.width, info.channels) == (3, 4, 2)
    assert (info.classes, info.clock_hz, info.digest) == (3, 50_000_000, bytes(range(8)))
    assert info.encode() == IDENTITY.encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"height": 1 << 16}, "height"), ({"classes": 0}, "classes"), ({"digest": b"x"}, "8 bytes")],
)
def test_identities_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(IDENTITY, **change)


def test_one_class_needs_no_signal_without_bits():
    assert "width 0" not in rtlil.convert(Shell(replace(IDENTITY, classes=1)))
