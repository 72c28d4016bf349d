"""The C driver, as its callers see it: what it takes, what it refuses, when it gives up."""

import ctypes as c
from dataclasses import replace

import numpy as np
import pytest

from protocol.device import Device
from protocol.messages import DeviceInfo, Result
from protocol.packets import Kind, Packet
from tests.host.c.board import FOREVER, NUMBER, OK, Board, Frame, Statistics, Wire
from tests.host.c.test_session import INFO, classify, make_frames


def ready(library, info: DeviceInfo = INFO, digest: bytes | None = None, **options) -> Board:
    board = Board(library, Wire(), digest, first=7, **options)
    meet(board, info)
    return board


def meet(board: Board, info: DeviceInfo) -> int:
    board.poll(0)
    say(board, Packet(Kind.RESET, 7), Packet(Kind.INFO, 7, 0, info.encode()))
    return board.poll(0)


def say(board: Board, *packets: Packet) -> None:
    board.wire.coming.extend(packet.encode() for packet in packets)
    board.poll(0)


def test_what_the_board_says_of_itself(library):
    info = replace(INFO, memories=2, keyed=True, structure=b"formwork", counter=77, coded=True)
    said = ready(library, info).info
    for name, value in info.entry.items():
        if name not in ("digest", "structure", "keyed", "updating", "height", "classes"):
            assert getattr(said, name) == value, name
    assert (bytes(said.digest), bytes(said.structure)) == (b"network1", b"formwork")
    assert (said.height, said.classes, said.update) == (6, 300, 1)
    assert (said.frame_bytes, said.chunks, said.parts) == (90, 3, 3)


def spoilt(at: int, *values: int) -> bytes:
    payload = bytearray(INFO.encode())
    payload[at : at + len(values)] = bytes(values)
    return bytes(payload)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (spoilt(4, 4, 0), "VERSION"),
        (spoilt(0, 0), "NOT_OURS"),
        (b"hello", "NOT_OURS"),
        (INFO.encode() + b"\0", "NOT_OURS"),
        (spoilt(46, 4), "NOT_OURS"),
        (spoilt(20, 161, 15), "NOT_OURS"),
        (spoilt(44, 0, 1), "NOT_OURS"),
        (spoilt(6, 1, 0)[:12] + b"\xff\xff\xff\xff" + INFO.encode()[16:], "NOT_OURS"),
        *((spoilt(at, 0, 0), "NOT_OURS") for at in (6, 8, 10, 12, 14, 16, 18)),
        (spoilt(28, 1), "NETWORK"),
        (spoilt(6, 255, 255), "ROOM"),
        (spoilt(6, 0, 4), "ROOM"),
        (spoilt(20, 0, 1), "ROOM"),
    ],
)
def test_boards_that_are_refused(library, payload, error):
    board = Board(library, Wire(), INFO.digest, first=7)
    board.poll(0)
    say(board, Packet(Kind.RESET, 7))
    board.wire.coming.append(Packet(Kind.INFO, 7, 0, payload).encode())
    assert board.poll(0) == NUMBER[error]
    assert board.poll(0) == NUMBER[error]
    assert not board.may_submit


def test_a_board_as_large_as_the_buffers_is_taken(library):
    info = replace(INFO, chunk=500, streams=100)
    assert ready(library, info, tx_size=512, rx_size=532).ready
    assert not ready(library, info, tx_size=511).ready
    assert not ready(library, info, rx_size=531).ready
    info = replace(info, classes=1)
    assert ready(library, info, rx_size=444).ready
    assert not ready(library, info, rx_size=443).ready


def test_frames_that_are_refused_here(library):
    board = Board(library, Wire(), first=7)
    assert board.submit(bytes(90)) == NUMBER["BUSY"]
    assert board.ask() == NUMBER["BUSY"]
    meet(board, INFO)
    assert board.submit(bytes(91)) == NUMBER["SIZE"]
    assert board.submit(bytes(90), room=299) == NUMBER["ROOM"]
    assert [board.submit(bytes(90)) for _ in range(5)] == [OK] * 4 + [NUMBER["BUSY"]]
    board.wire.sent.clear()
    board.poll(0)
    assert len(board.wire.sent) == INFO.credits
    board.wire.broken = True
    assert board.poll(0) == NUMBER["LINK"]
    assert board.submit(bytes(90)) == NUMBER["LINK"]


def test_a_frame_that_is_under_way_is_not_taken_again(library):
    board = ready(library)
    frame, sums = Frame(), np.zeros(300, dtype=np.int32)
    for status in (OK, NUMBER["ARGUMENT"]):
        assert board.submit_frame(frame, bytes(90), sums) == status
    board.poll(0)
    say(board, *answers(7))
    assert board.submit_frame(frame, bytes(90), sums) == NUMBER["ARGUMENT"]
    assert library.fb_result(board.memory) == c.addressof(frame)
    assert board.submit_frame(frame, bytes(90), sums) == OK


def answers(sequence: int, network: bytes = INFO.digest, form: int = 0) -> list[Packet]:
    sums = np.arange(INFO.classes, dtype=np.int32) - 150
    payloads = Result(sums, 1234).encode(network)
    return [Packet(Kind.RESULT, sequence, i, data, form) for i, data in enumerate(payloads)]


def test_a_frame_that_the_board_refuses(library):
    board = ready(library)
    board.submit(bytes(90))
    board.poll(0)
    say(board, *answers(7, form=4))
    ((frame, _),) = board.results()
    assert frame.status == NUMBER["REFUSED"]


def test_results_of_another_network_are_not_taken(library):
    board = ready(library)
    board.submit(bytes(90))
    board.poll(0)
    say(board, *answers(7, b"other   "))
    assert board.results() == []
    assert board.counters["damaged"] == 3
    say(board, *answers(7))
    ((frame, sums),) = board.results()
    assert (frame.status, frame.cycles, sums[0], sums[299]) == (OK, 1234, -150, 149)


def test_a_board_with_other_contents_is_asked_what_it_is(library):
    info = replace(INFO, memories=1)
    board = ready(library, info)
    board.submit(bytes(90))
    board.poll(0)
    board.wire.sent.clear()
    say(board, answers(7, b"newdigit")[0])
    board.poll(0)
    assert board.wire.sent == [Packet(Kind.INFO, 8).encode()]
    say(board, Packet(Kind.INFO, 8, 0, replace(info, digest=b"newdigit", counter=2).encode()))
    say(board, *answers(7, b"newdigit"))
    assert len(board.results()) == 1
    assert board.info.counter == 2
    say(board, answers(8)[0])
    board.submit(bytes(90))
    say(board, answers(8)[0])
    changed = replace(info, digest=b"newdigit", height=5)
    board.wire.coming.append(Packet(Kind.INFO, 9, 0, changed.encode()).encode())
    assert board.poll(0) == NUMBER["CHANGED"]


def test_what_the_board_is_asked_about_goes_in_turn(library):
    info = replace(INFO, memories=1)
    board = ready(library, info)
    board.submit(bytes(90))
    board.poll(0)
    say(board, answers(7, b"newdigit")[0])
    board.wire.sent.clear()
    for _ in range(5):
        board.poll()
    what, how = Packet(Kind.INFO, 8).encode(), [Packet(Kind.STATISTICS, n) for n in (8, 9)]
    assert board.wire.sent == [what, what, how[0].encode(), what, how[1].encode()]
    # Neither an echo nor an answer to another question is taken.
    before = board.counters["damaged"]
    other = replace(info, digest=b"newdigit")
    say(board, Packet(Kind.INFO, 8), Packet(Kind.INFO, 7, 0, other.encode()))
    assert (bytes(board.info.digest), board.counters["damaged"]) == (b"network1", before)
    say(board, Packet(Kind.INFO, 8, 0, other.encode()))
    assert bytes(board.info.digest) == b"newdigit"


@pytest.mark.parametrize("frames", [0, 1])
def test_another_board_may_come_while_no_frame_waits(library, frames):
    board, other = ready(library), replace(INFO, height=7, chunk=16)
    board.poll(0)
    for _ in range(frames):
        board.submit(bytes(90))
    say(board, Packet(Kind.ACK, 20, 0, bytes(4)))
    assert board.counters["resets"] == 1
    base = 7 + frames
    board.wire.sent.clear()
    say(board, Packet(Kind.RESET, base))
    assert board.wire.sent == [Packet(Kind.RESET, base).encode()]
    board.wire.coming.append(Packet(Kind.INFO, base, 0, other.encode()).encode())
    assert board.poll(0) == (NUMBER["CHANGED"] if frames else OK)
    if not frames:
        assert (board.info.height, board.info.chunks) == (7, 7)
        assert board.submit(bytes(105)) == OK


def test_a_board_that_begins_again_and_again_is_given_up(library):
    def confused(data: bytes) -> list[bytes]:
        packet = Packet.decode(data)
        board.wire.now += 10
        payload = {Kind.RESET: b"", Kind.INFO: INFO.encode()}.get(Kind(packet.kind))
        if payload is not None:
            return [Packet(packet.kind, packet.sequence, 0, payload).encode()]
        return [Packet(Kind.ACK, packet.sequence + 20, 0, bytes(4)).encode()]

    board = Board(library, Wire(reply=confused), first=7)
    while not board.ready:
        board.poll()
    board.submit(bytes(90))
    while (status := board.poll()) == OK and board.wire.now < 60_000:
        pass
    assert status == NUMBER["STUCK"]


def test_results_that_are_there_are_not_waited_for(library):
    board = ready(library)
    for _ in range(2):
        board.submit(bytes(90))
    board.poll(0)
    say(board, *answers(7))
    board.wire.now = 5
    assert board.poll(1000) == OK
    assert board.wire.now == 5
    assert len(board.results()) == 1
    assert board.poll(100) == OK
    assert board.wire.now == 105


def test_statistics(library):
    device, board = Device(INFO, classify), ready(library)
    device.statistics = replace(device.statistics, answered=3, lost=65535, stalls=(1, 2**32 - 1, 3))
    assert board.heard() is None
    assert board.ask() == OK
    board.wire.sent.clear()
    board.poll(0)
    (asked,) = board.wire.sent
    assert board.heard() is None
    board.wire.coming.extend(device.receive(asked))
    board.poll(0)
    said = board.heard()
    assert (said.answered, said.lost, said.streams, said.pixels) == (3, 65535, 3, 90)
    assert said.stalls[:3] == [1, 2**32 - 1, 3]


def test_a_board_that_says_nothing_is_given_up(library):
    board = Board(library, Wire(), first=7)
    status = OK
    while status == OK:
        status = board.poll()
    assert status == NUMBER["SILENT"]
    assert 5000 < board.wire.now <= 5500
    assert board.wire.sent == [Packet(Kind.RESET, 7).encode()] * 21


def test_a_board_that_comes_no_further_is_given_up(library):
    board = ready(library)
    board.submit(bytes(90))
    device = Device(INFO, classify)
    list(device.receive(Packet(Kind.RESET, 7).encode()))
    status = OK
    while status == OK:
        # It hears questions, and no frames.
        asked = [packet for packet in board.wire.sent if packet[4] == Kind.STATISTICS]
        board.wire.sent.clear()
        board.wire.coming.extend(a for packet in asked for a in device.receive(packet))
        status = board.poll()
    assert status == NUMBER["STUCK"]


def test_an_idle_board_is_left_alone_and_time_away_is_nobodys_fault(library):
    board = ready(library)
    board.wire.sent.clear()
    for _ in range(50):
        assert board.poll(1000) == OK
    assert board.wire.sent == []
    board.wire.now += 100_000
    board.submit(bytes(90))
    board.poll(0)
    board.wire.now += 100_000
    assert board.poll(0) == OK
    assert board.poll(FOREVER) == OK


def test_time_that_is_told_instead_of_asked_for(library):
    board = Board(library, Wire(), first=7)
    board.config.port.now_ms = type(board.callbacks[2])()
    assert library.fb_open(board.memory, c.byref(board.config)) == OK
    assert library.fb_meet(board.memory) == NUMBER["ARGUMENT"]
    statuses = []
    for now in range(0, 6000, 50):
        library.fb_set_time(board.memory, now)
        statuses.append(board.poll(0))
    assert statuses[-1] == NUMBER["SILENT"]
    assert statuses.index(NUMBER["SILENT"]) * 50 == 5050
    assert len(board.wire.sent) == 21


def test_what_is_missing_is_said(library):
    board = ready(library)
    broken = type(board.config).from_buffer_copy(board.config)
    broken.tx = None
    assert library.fb_open(board.memory, c.byref(broken)) == NUMBER["ARGUMENT"]
    broken.tx, broken.rx_size = 1, 63
    assert library.fb_open(board.memory, c.byref(broken)) == NUMBER["ROOM"]
    told = {library.fb_strerror(number).decode() for number in range(NUMBER["CHANGED"] + 1)}
    assert len(told) == NUMBER["CHANGED"] + 1
    assert library.fb_strerror(99) == b"unknown status"


@pytest.mark.parametrize("sums", [[5], [-3, -2, -9], [1, 7, 7, 2], [-(2**31), 2**31 - 1]])
def test_the_largest_sum(library, sums):
    values = np.array(sums, dtype=np.int32)
    assert library.fb_top1(c.c_void_p(values.ctypes.data), len(sums)) == np.argmax(values)


def attached(library) -> Board:
    """A board that answers at once, for the functions that wait."""
    device = Device(INFO, classify)
    return Board(library, Wire(reply=device.receive), first=7)


def test_functions_that_wait(library):
    board = attached(library)
    assert library.fb_meet(board.memory) == OK
    sums, cycles = np.zeros(300, dtype=np.int32), c.c_uint32()
    for pixels in make_frames(6, 3):
        status = library.fb_classify(
            *(board.memory, pixels.tobytes(), c.c_size_t(90)),
            *(c.c_void_p(sums.ctypes.data), c.c_size_t(300), c.byref(cycles)),
        )
        assert (status, cycles.value) == (OK, 90)
        np.testing.assert_array_equal(sums, classify(pixels))
    said = Statistics()
    assert library.fb_statistics_now(board.memory, c.byref(said)) == OK
    assert said.answered == 6
    assert board.results() == []


def test_waiting_ends_when_the_board_falls_silent(library):
    board = attached(library)
    assert library.fb_meet(board.memory) == OK
    board.wire.reply = None
    assert board.submit(bytes(90)) == OK
    sums = np.zeros(300, dtype=np.int32)
    place = c.c_void_p(sums.ctypes.data)
    arguments = (board.memory, bytes(90), c.c_size_t(90), place, c.c_size_t(300), None)
    assert library.fb_classify(*arguments) == NUMBER["SILENT"]
    assert library.fb_statistics_now(board.memory, c.byref(Statistics())) == NUMBER["SILENT"]
