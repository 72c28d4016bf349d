import random
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.receiver import PacketReceiver
from hw.link.shell import FrameServer, Shell
from hw.stream.lane_stream import lane_stream
from protocol.coding.decode import decode
from protocol.coding.encode import encode
from protocol.coding.rules import Steps
from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo, Result, Statistics
from protocol.packets import HEADER, Form, Kind, Packet
from protocol.session import Session
from sim.simulator import Simulator
from sim.verilate import build
from tests.harness.shared import shared_folder
from tests.harness.verilog import write_verilog

INFO = DeviceInfo(
    6, 5, 3, 150, 50_000_000, bytes(range(8)), 32, credits=4, frames=4, streams=3, coded=True
)
SETTLED = 20_000
"""Clock cycles after which nothing more comes of what was sent."""


class Weigher(wiring.Component):
    """Stands in for an accelerator: class sums are the pixels' sum times 1, -2, 3, -4...

    Of its three streams the first never waits, the second always, the third with its output.
    """

    def __init__(self, pixels: int, classes: int):
        self._pixels, self._classes = pixels, classes
        super().__init__(
            {
                "i": In(lane_stream(1, unsigned(8))),
                "o": Out(lane_stream(1, signed(32))),
                "o_stalled": Out(3),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count, total = Signal(range(self._pixels + 1)), Signal(24)
        index = Signal(range(max(self._classes, 2)))
        full = count == self._pixels
        factor = index + 1
        m.d.comb += [
            self.o_stalled.eq(Cat(Const(0, 1), Const(1, 1), self.o.valid & ~self.o.ready)),
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


def weigh(pixels: np.ndarray) -> np.ndarray:
    index = np.arange(INFO.classes)
    return (index + 1) * np.where(index % 2, -1, 1) * pixels.sum(dtype=np.int64)


def make_frames(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, INFO.height, INFO.width, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    verilog = tmp_path_factory.mktemp("server") / "server.v"
    server = FrameServer(Shell(INFO, Weigher(INFO.frame_bytes, INFO.classes), "lut"))
    write_verilog(server, verilog, "simtop")
    return build(verilog, shared_folder(tmp_path_factory, "server"))


@pytest.fixture
def board(library):
    with Simulator(library) as simulator:
        yield Board(simulator)


class Board:
    """The shell in Verilator, packet by packet."""

    def __init__(self, simulator: Simulator):
        self.simulator = simulator
        self._deframer = Deframer()

    def exchange(self, line: bytes, cycles: int = SETTLED) -> list[bytes]:
        """Send bytes; returns the packets that come until nothing more does."""
        moved = self.simulator.advance(line, cycles)
        assert moved.taken == len(line)
        return self._deframer.feed(moved.data)

    def ask(self, *packets: Packet, cycles: int = SETTLED) -> list[Packet]:
        said = self.exchange(b"".join(frame(packet.encode()) for packet in packets), cycles)
        answers = [Packet.decode(packet) for packet in said]
        assert None not in answers
        return answers

    def statistics(self) -> Statistics:
        (answer,) = self.ask(Packet(Kind.STATISTICS, 77))
        assert (answer.kind, answer.sequence) == (Kind.STATISTICS, 77)
        return Statistics.decode(answer.payload)


def chunks(pixels: np.ndarray, sequence: int) -> list[Packet]:
    return packets(pixels.tobytes(), sequence)


def packets(data: bytes, sequence: int, form: int = 0) -> list[Packet]:
    starts = range(0, len(data), INFO.chunk)
    found = [
        Packet(Kind.FRAME, sequence, index, data[start : start + INFO.chunk], form)
        for index, start in enumerate(starts)
    ]
    found[-1] = replace(found[-1], form=form and form | Form.LAST)
    return found


def coded_data(pixels: np.ndarray, number: int) -> bytes:
    """A frame as it is coded; every third one is malformed."""
    data = encode(pixels, Steps(1, 2))
    return [data, data[: len(data) // 2], data, data, data + b"\xff", data][number % 6]


def model_answers(device: Device, packets: list[Packet]) -> list[Packet]:
    return [
        Packet.decode(answer) for packet in packets for answer in device.receive(packet.encode())
    ]


def without_cycles(packet: Packet) -> Packet:
    return replace(packet, payload=packet.payload[4:]) if packet.kind == Kind.RESULT else packet


def test_one_thing_at_a_time_equals_the_model(board):
    device = Device(INFO, weigh)
    rng = random.Random(1)
    asked = [Packet(Kind.RESET, 40_000), Packet(Kind.INFO, 3), Packet(Kind.ACK, 1, 1)]
    for number, pixels in enumerate(make_frames(8, 1)):
        parts = chunks(pixels, 40_000 + number)
        if number % 2:
            parts = packets(coded_data(pixels, number), 40_000 + number, Form.CODED)
        # Of another form, empty, or short without being the last.
        asked += [
            Packet(Kind.FRAME, 40_000 + number, 1, bytes(32), Form.CODED * (1 - number % 2)),
            Packet(Kind.FRAME, 40_000 + number, 0, b"", Form.CODED | Form.LAST),
            Packet(Kind.FRAME, 40_000 + number, 0, bytes(31), Form.CODED),
        ]
        asked += [*parts[:2], rng.choice(parts), Packet(Kind.INFO, 9), *parts[2:], parts[-1]]
    for packet in asked:
        expected = model_answers(device, [packet])
        found = board.ask(packet)
        assert list(map(without_cycles, found)) == list(map(without_cycles, expected))
    statistics = board.statistics()
    assert statistics.answered == device.statistics.answered == 8
    assert statistics.refused == device.statistics.refused == 2
    assert statistics.dropped == device.statistics.dropped
    assert (statistics.bad, statistics.in_flight, statistics.pixels) == (0, 0, INFO.frame_bytes)
    assert (statistics.sequence, statistics.index, statistics.credit) == (40_008, 0, INFO.credits)


def test_cycles_count_from_first_pixel_to_last_sum(board):
    (pixels,) = make_frames(1, 2)
    board.ask(Packet(Kind.RESET, 0))
    for part in chunks(pixels, 0)[:-1]:
        board.ask(part)
    answers = board.ask(chunks(pixels, 0)[-1])
    results = [answer for answer in answers if answer.kind == Kind.RESULT]
    assert [result.index for result in results] == [0, 1]
    cycles = {struct.unpack_from("<I", result.payload)[0] for result in results}
    # Each packet but the last has been waited for, so the count says no less than all those waits.
    assert min(cycles) > (INFO.chunks - 1) * SETTLED
    assert board.statistics().cycles in cycles


def test_stalls_of_streams_are_counted(board):
    frames = make_frames(3, 11)
    before, start = board.statistics(), board.simulator.cycles
    assert before.stalls[0] == 0
    board.ask(Packet(Kind.RESET, 0))
    board.simulator.stall(1, o=0.9)
    board.ask(*(part for number, pixels in enumerate(frames) for part in chunks(pixels, number)))
    board.simulator.stall(1)
    after = board.statistics()
    never, always, output = after.stall_cycles(before)
    assert never == 0
    assert always == pytest.approx(board.simulator.cycles - start, rel=0.03)
    # The sums of one frame wait in a queue; those of the next ones have to wait for them.
    assert 1000 < output < always


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.7), (0.3, 0.3)])
def test_frames_back_to_back(library, stalls):
    frames = make_frames(25, 3)
    session, deframer = Session(INFO.digest, 65_530), Deframer()
    submitted, line = 0, b""
    found: list[Result] = []
    with Simulator(library) as simulator:
        simulator.stall(5, *stalls)
        while len(found) < len(frames):
            while session.may_submit and submitted < len(frames):
                # One raw, two coded, of which some are malformed.
                coded = submitted % 3 > 0
                data = coded_data(frames[submitted], submitted)
                session.submit(data if coded else frames[submitted].tobytes(), coded=coded)
                submitted += 1
            line += b"".join(map(frame, session.packets()))
            moved = simulator.advance(line, 50)
            line = line[moved.taken :]
            for packet in deframer.feed(moved.data):
                session.receive(packet)
            found += [result for _, result in session.results]
            session.results.clear()
            assert simulator.cycles < 500_000
    assert session.info == INFO
    for number, (pixels, result) in enumerate(zip(frames, found, strict=True)):
        fault = ""
        if number % 3:
            made = decode(coded_data(pixels, number), INFO.shape)
            pixels, fault = made.frame, made.fault
        assert result.refused == bool(fault)
        np.testing.assert_array_equal(result.sums, weigh(pixels))
    assert (session.damaged, session.resent, session.resets) == (0, 0, 0)
    assert min(result.cycles for result in found) >= INFO.frame_bytes + INFO.classes - 1


def test_a_board_without_room_drops_packets_and_says_so(board):
    frames = make_frames(8, 4)
    board.ask(Packet(Kind.RESET, 0))
    parts = [part for number in range(8) for part in chunks(frames[number], number)]
    answers = board.ask(*parts)
    assert Kind.NACK in {answer.kind for answer in answers}
    statistics = board.statistics()
    assert statistics.dropped > 0
    assert statistics.bad == 0


def test_damage_is_refused_counted_and_does_no_harm(board):
    (pixels,) = make_frames(1, 6)
    parts = chunks(pixels, 500)
    board.ask(Packet(Kind.RESET, 500))
    board.ask(parts[0])
    good = parts[1].encode()
    rng = random.Random(7)
    damaged = [good[:-1] + bytes([good[-1] ^ 1]), good[:9], good[:20], good[: HEADER.size]]
    for _ in range(20):
        spoilt = bytearray(good)
        spoilt[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(spoilt))
    for count, packet in enumerate(damaged, start=1):
        # Where bytes are missing, only the next packet shows it.
        answers = board.exchange(frame(packet) + frame(Packet(Kind.STATISTICS, count).encode()))
        kinds = {Packet.decode(answer).kind for answer in answers}
        assert kinds == {Kind.NACK, Kind.STATISTICS}
        assert board.statistics().bad == count
    assert board.exchange(b"\x00\x7d\x55" * 50) == []
    answers = board.ask(*parts[1:])
    results = [answer for answer in answers if answer.kind == Kind.RESULT]
    sums = b"".join(result.payload[8:] for result in results)
    np.testing.assert_array_equal(np.frombuffer(sums, "<i4"), weigh(pixels))


def test_a_reset_forgets_half_a_frame_and_keeps_the_counters(board):
    first, second = make_frames(2, 8)
    board.ask(Packet(Kind.RESET, 1))
    board.ask(*chunks(first, 1)[:2])
    assert board.statistics().in_flight == 1
    board.ask(Packet(Kind.FRAME, 99))
    (answer,) = board.ask(Packet(Kind.RESET, 9))
    assert answer == Packet(Kind.RESET, 9)
    statistics = board.statistics()
    assert (statistics.in_flight, statistics.pixels) == (0, INFO.frame_bytes)
    assert (statistics.dropped, statistics.sequence) == (1, 9)
    answers = board.ask(*chunks(second, 9))
    sums = b"".join(answer.payload[8:] for answer in answers if answer.kind == Kind.RESULT)
    np.testing.assert_array_equal(np.frombuffer(sums, "<i4"), weigh(second))


def test_the_button_forgets_everything(board):
    first, second = make_frames(2, 10)
    board.ask(Packet(Kind.RESET, 7_000))
    board.ask(*chunks(first, 7_000)[:2])
    board.simulator.reset()
    statistics = board.statistics()
    assert (statistics.sequence, statistics.index, statistics.in_flight) == (0, 0, 0)
    answers = board.ask(*chunks(second, 0))
    results = [answer for answer in answers if answer.kind == Kind.RESULT]
    assert [(result.sequence, result.index) for result in results] == [(0, 0), (0, 1)]


def test_the_crc_is_zlibs(board):
    (said,) = board.exchange(frame(Packet(Kind.INFO, 1).encode()))
    assert said[-4:] == zlib.crc32(said[:-4]).to_bytes(4, "little")


@pytest.mark.parametrize("change", [{"chunk": 48}, {"credits": 1}])
def test_sizes_that_are_no_powers_of_two_are_refused(change):
    with pytest.raises(ValueError, match="power of two"):
        PacketReceiver(replace(INFO, **change))


@pytest.mark.parametrize(("classes", "coded"), [(1, True), (2, False)])
def test_few_classes_need_no_signals_without_bits(classes, coded, tmp_path):
    info = replace(INFO, classes=classes, coded=coded)
    server = FrameServer(Shell(info, Weigher(info.frame_bytes, classes), "lut"))
    path = tmp_path / "server.v"
    write_verilog(server, path, "simtop")
    assert "module simtop(" in path.read_text()
