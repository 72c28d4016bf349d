"""The shell of a board whose contents can be updated, against the model, in Verilator."""

import random
from dataclasses import replace

import numpy as np
import pytest

from hw.link.contents import ContentsConfig
from hw.link.shell import FrameServer, Shell
from protocol.coding.encode import encode
from protocol.coding.rules import Steps
from protocol.contents.blocks import Status
from protocol.framing import Deframer, frame
from protocol.messages import ContentsState, DeviceInfo, Result
from protocol.packets import Form, Kind, Packet
from protocol.session import Phase, Session
from sim.simulator import Simulator
from sim.verilate import build
from tests.harness.shared import shared_folder
from tests.harness.verilog import write_verilog
from tests.hw.link.test_shell import Board, chunks, model_answers, packets, without_cycles
from tests.hw.link.updatable_shell import (
    CHECKS,
    INFO,
    KEY,
    Scales,
    contents,
    make_device,
    make_pixels,
    make_shell,
    update_frames,
)
from tests.protocol.contents.updates import Updater
from tests.protocol.test_session import Spoiler

SETTLED = 6_000
"""Clock cycles after which nothing more comes of one packet; what came later would be taken for an
answer to the next one. The slowest takes 3902."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    verilog = tmp_path_factory.mktemp("updatable") / "server.v"
    write_verilog(FrameServer(make_shell(INFO)), verilog, "simtop")
    return build(verilog, shared_folder(tmp_path_factory, "updatable"))


@pytest.fixture
def simulator(library):
    # Another one than before: nothing that a reset leaves may be there yet.
    with Simulator(library) as made:
        yield made


def asked_things(rng: random.Random, first: int) -> list[Packet]:
    """Updates and frames in turn, right and wrong, and what else a host says."""
    asked = [Packet(Kind.RESET, first), Packet(Kind.INFO, 1), Packet(Kind.CONTENTS, 2)]
    number, counter = first, 8
    for step in range(14):
        pixels = make_pixels(rng)
        parts = update_frames(rng, counter, rng.randbytes(8))
        wrong = update_frames(rng, counter, rng.randbytes(8), key=bytes(16))
        frames = [
            chunks(pixels, 0),
            packets(encode(pixels, Steps()), 0, Form.CODED),
            contents(rng.choice(parts), 0),
            contents(wrong[0], 0),
            contents(rng.randbytes(rng.randint(1, 70)), 0),
        ]
        if step % 2:
            frames = [contents(part, 0) for part in parts]
            frames.insert(rng.randint(0, 3), chunks(pixels, 0))
            counter += 1
        for sent in frames:
            asked += [replace(packet, sequence=number) for packet in sent]
            number += 1
            asked.append(Packet(rng.choice([Kind.INFO, Kind.CONTENTS]), rng.randrange(1 << 16)))
        asked += [
            Packet(Kind.FRAME, number, 0, bytes(31), Form.CONTENTS),
            Packet(Kind.FRAME, number, 0, bytes(32), Form.CONTENTS | Form.CODED),
            Packet(Kind.FRAME, number, 0, b"", Form.CONTENTS | Form.LAST),
        ]
        if step % 5 == 4:
            cut = contents(parts[0], number)
            number += rng.randint(1, 1000)
            asked += [*cut[: rng.randint(1, len(cut) - 1)], Packet(Kind.RESET, number)]
    return asked


@pytest.mark.parametrize("seed", range(3))
def test_one_thing_at_a_time_equals_the_model(seed, simulator):
    board, device = Board(simulator), make_device()
    rng = random.Random(seed)
    kinds, statuses = set(), set()
    for packet in asked_things(rng, 40_000):
        expected = model_answers(device, [packet])
        found = board.ask(packet, cycles=SETTLED)
        assert list(map(without_cycles, found)) == list(map(without_cycles, expected)), packet
        kinds |= {answer.kind for answer in found}
        results = [p for p in found if p.kind == Kind.RESULT and p.form and p.index == 0]
        statuses |= {p.payload[8] for p in results if not any(p.payload[9:])}
    assert kinds == set(Kind) - {Kind.FRAME, Kind.STATISTICS}
    assert {Status.TAG, Status.MALFORMED} <= statuses
    statistics = board.statistics()
    assert statistics.refused == device.statistics.refused > 20
    assert statistics.answered == device.statistics.answered
    assert (statistics.in_flight, statistics.credit) == (0, INFO.credits)


class Talk:
    """A session and the board in Verilator, with a link between that may spoil what is said."""

    def __init__(self, simulator: Simulator, session: Session, spoil=bytes):
        self.simulator, self.session, self._spoil = simulator, session, spoil
        self._deframer, self._line = Deframer(), b""
        self.results: dict[int, Result] = {}

    def step(self, cycles: int = 60) -> None:
        self._line += self._spoil(b"".join(map(frame, self.session.packets())))
        moved = self.simulator.advance(self._line, cycles)
        self._line = self._line[moved.taken :]
        for packet in self._deframer.feed(self._spoil(moved.data)):
            self.session.receive(packet)
        while self.session.results:
            ticket, result = self.session.results.popleft()
            self.results[ticket] = result

    def until(self, done, patience: int = 300) -> None:
        """Go on until something is so; ask again when nothing has come for a while."""
        quiet = before = 0
        for _ in range(100_000):
            if done():
                return
            self.step()
            quiet = 0 if self.session.progress != before else quiet + 1
            before = self.session.progress
            if quiet and quiet % patience == 0:
                self.session.retry()
        raise AssertionError(f"stuck with {self.session.unanswered} frames")

    def submit(self, data: bytes, *, contents: bool = False, coded: bool = False) -> int:
        self.until(lambda: self.session.may_submit)
        return self.session.submit(data, contents=contents, coded=coded)

    def settle(self) -> None:
        self.until(lambda: not self.session.unanswered and not self.session.in_doubt)


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.7), (0.3, 0.3)])
def test_no_frame_sees_old_and_new_contents(stalls, simulator):
    """Frames and updates back to back, as many under way as the board takes."""
    simulator.stall(3, *stalls)
    rng = random.Random(9)
    talk = Talk(simulator, Session(first=65_500))
    talk.until(lambda: talk.session.phase is Phase.READY)
    device = make_device()
    expected: dict[int, tuple[np.ndarray, bool]] = {}
    checks = CHECKS
    for counter in range(8, 14):
        for part in update_frames(rng, counter, rng.randbytes(8), checks):
            device._take_contents(part)
            expected[talk.submit(part, contents=True)] = device._end_contents()
            for _ in range(rng.randint(0, 3)):
                pixels = make_pixels(rng)
                coded = rng.random() < 0.5
                sums, fault = device.judge(pixels.tobytes(), coded=False)
                data = encode(pixels, Steps()) if coded else pixels.tobytes()
                refused = bool(fault) or device.info.updating
                expected[talk.submit(data, coded=coded)] = (sums, refused)
        checks = device._contents.checks
    talk.settle()
    session = talk.session
    assert (session.damaged, session.resent, session.resets) == (0, 0, 0)
    for ticket, (sums, refused) in expected.items():
        np.testing.assert_array_equal(talk.results[ticket].sums, sums)
        assert talk.results[ticket].refused == refused
    assert session.info == device.info
    assert not session.info.updating
    assert session.info.counter == 13


@pytest.mark.parametrize("seed", range(4))
def test_updates_over_a_bad_link(seed, simulator):
    simulator.stall(seed, 0.1, 0.2)
    rng = random.Random(seed)
    spoiler = Spoiler(seed, 0.03)
    talk = Talk(simulator, Session(first=seed), spoiler)
    talk.until(lambda: talk.session.phase is Phase.READY)
    session, device = talk.session, make_device()
    counter = 8
    for digest in (b"2network", b"3network", b"1network"):
        while True:
            parts = update_frames(random.Random(rng.random()), counter, digest)
            for part in parts:
                talk.submit(part, contents=True)
            talk.settle()
            session.ask_contents()
            talk.until(lambda: session.contents is not None)
            counter = session.contents.counter + 1
            if session.info.digest == digest and not session.contents.updating:
                break
            assert counter < 60
        reference = make_device()
        for part in parts:
            reference._take_contents(part)
            reference._end_contents()
        device = reference
        assert session.contents == reference._contents.state
        tickets = {}
        for _ in range(4):
            pixels = make_pixels(rng)
            tickets[talk.submit(pixels.tobytes())] = pixels
        talk.settle()
        for ticket, pixels in tickets.items():
            np.testing.assert_array_equal(talk.results[ticket].sums, device.classify(pixels))
    assert spoiler.faults > 5


@pytest.mark.parametrize("button", [False, True])
def test_an_update_goes_on_behind_a_reset(button, simulator):
    board, device = Board(simulator), make_device()
    parts = update_frames(random.Random(4), 9, b"2network")
    pixels = make_pixels(random.Random(4))

    def ask(asked: list[Packet]) -> list[Packet]:
        found = board.ask(*asked)
        expected = model_answers(device, asked)
        kept = [packet for packet in expected if packet.kind in (Kind.RESULT, Kind.CONTENTS)]
        assert [without_cycles(p) for p in found if p.kind in (Kind.RESULT, Kind.CONTENTS)] == list(
            map(without_cycles, kept)
        )
        return kept

    for packet in [Packet(Kind.RESET, 0), *contents(parts[0], 0), *contents(parts[1], 1)[:2]]:
        ask([packet])
    if button:
        simulator.reset()
        model_answers(device, [Packet(Kind.RESET, 0)])
    ask([Packet(Kind.RESET, 0)])
    (said,) = ask([Packet(Kind.CONTENTS, 1)])
    state = ContentsState.decode(said.payload)
    assert (state.counter, state.updating) == (9, True)
    # Of the second frame, some blocks were taken, so that it is begun again.
    again = update_frames(random.Random(6), 10, b"3network")
    for number, part in enumerate(again):
        for packet in contents(part, number):
            answers = ask([packet])
        assert answers[0].form == 0
    for packet in chunks(pixels, 3):
        answers = ask([packet])
    assert answers[0].payload[4:8] == b"3net"


def test_what_is_told_while_contents_come_is_of_one_moment(simulator):
    """A question is answered slowly, while a block comes that changes what it is about."""
    simulator.stall(4, o=0.8)
    board, device, rng = Board(simulator), make_device(), random.Random(8)
    board.ask(Packet(Kind.RESET, 0))
    number, told = 0, {"before": 0, "after": 0}
    for counter in range(8, 20):
        updater = Updater(INFO, device._contents.checks, KEY, counter)
        blocks = [updater.begin()]
        for memory_number in (0, 1):
            blocks += [
                updater.rows(memory_number, 0, row, [rng.getrandbits(8)], 1) for row in (0, 1)
            ]
        for block in [*blocks, updater.commit(rng.randbytes(8))]:
            kind = rng.choice([Kind.INFO, Kind.CONTENTS])
            states = [device.info, device._contents.state]
            device._take_contents(block)
            states += [device.info, device._contents.state]
            packed = contents(block, number)
            line = b"".join(frame(p.encode()) for p in packed[:-1])
            # Sooner or later than what it is about.
            asked = [frame(packed[-1].encode()), frame(Packet(kind, 5).encode())]
            if rng.random() < 0.6:
                asked.reverse()
            # What is no packet is skipped, but takes its time.
            line += bytes(rng.randint(0, 300)).join(asked)
            answers = [Packet.decode(packet) for packet in board.exchange(line)]
            (answer,) = (a for a in answers if a.kind in (Kind.INFO, Kind.CONTENTS))
            assert {a.form for a in answers if a.kind == Kind.RESULT} == {0}
            read = DeviceInfo if kind == Kind.INFO else ContentsState
            found = read.decode(answer.payload)
            assert found in states
            told["before" if found in states[:2] else "after"] += 1
            number += 1
    assert min(told.values()) > 5


def test_contents_are_for_boards_with_memories_alone():
    scales = Scales(INFO.frame_bytes, INFO.classes)
    with pytest.raises(ValueError, match="boards that have some"):
        Shell(INFO, scales, "lut")
    fixed = replace(INFO, memories=0, keyed=False)
    with pytest.raises(ValueError, match="boards that have some"):
        Shell(fixed, scales, "lut", contents=ContentsConfig([], None))


@pytest.mark.parametrize(
    ("coded", "classes", "key"), [(False, 1, None), (True, 2, KEY), (False, 300, KEY)]
)
def test_shells_of_other_boards_can_be_built(coded, classes, key, tmp_path):
    info = replace(INFO, coded=coded, classes=classes, keyed=key is not None)
    path = tmp_path / "server.v"
    write_verilog(FrameServer(make_shell(info, key)), path, "simtop")
    assert "module simtop(" in path.read_text()
