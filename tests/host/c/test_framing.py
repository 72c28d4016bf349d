"""Packets on a byte stream, as C reads and writes them, beside Python's framing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.framing import Deframer, frame
from protocol.packets import ESCAPE, FLAG, HEADER, MOST_PAYLOAD, Kind, Packet
from tests.host.c.board import Board, Wire
from tests.protocol.test_packets import AWKWARD, RAW


def read(library, line: bytes, size: int = 4096) -> dict[str, int]:
    """What the driver counts of a line that comes in pieces."""
    board = Board(library, Wire(), stream=True)
    for start in range(0, len(line), size):
        board.wire.coming.append(line[start : start + size])
    while board.wire.coming:
        assert board.poll(0) == 0
    return board.counters


def whole(line: bytes) -> int:
    """Packets in a line, by Python."""
    return sum(Packet.decode(packet) is not None for packet in Deframer().feed(line))


@settings(max_examples=60)
@given(st.lists(RAW | AWKWARD, max_size=5), st.integers(1, 50))
def test_framed_packets_come_in_any_pieces(library, payloads, size):
    packets = [Packet(Kind.FRAME, number, 0, data).encode() for number, data in enumerate(payloads)]
    counters = read(library, b"\x00noise" + b"".join(map(frame, packets)), size)
    assert (counters["heard"], counters["damaged"]) == (len(packets), 0)


@settings(max_examples=100)
@given(RAW | AWKWARD, RAW)
def test_whatever_was_before_the_next_flag_begins_a_packet(library, garbage, payload):
    line = garbage + frame(Packet(Kind.RESULT, 9, 9, payload).encode())
    assert read(library, line)["heard"] == whole(line) >= 1


@settings(max_examples=100)
@given(RAW, st.data())
def test_damaged_packets_are_refused(library, payload, data):
    packet = bytearray(Packet(Kind.FRAME, 1, 2, payload).encode())
    packet[data.draw(st.integers(0, len(packet) - 1))] ^= data.draw(st.integers(1, 255))
    good = frame(Packet(Kind.RESET, 0).encode())
    counters = read(library, frame(bytes(packet)) + good)
    assert (counters["heard"], counters["damaged"]) == (1, 1)


def test_a_packet_that_is_cut_short_is_one_damaged_packet(library):
    good = frame(Packet(Kind.ACK, 1, 2, bytes(4)).encode())
    for line in (good[:1], good[:2], good[:-1], good[:1] + bytes([ESCAPE])):
        counters = read(library, line + good + good)
        assert counters["heard"] == 2
        assert counters["damaged"] == (len(line) > 1)


def test_a_length_beyond_all_bounds_is_not_waited_for(library):
    for length in (1013, MOST_PAYLOAD, 65535):
        head = HEADER.encode(sequence=0, index=0, kind=4, form=0, length=length)
        counters = read(library, frame(head) + bytes(2000))
        assert (counters["heard"], counters["damaged"]) == (0, 1)


def test_a_packet_as_long_as_the_buffer_is_read(library):
    packet = Packet(Kind.FRAME, 0, 0, bytes([FLAG, ESCAPE]) * 506).encode()
    assert len(packet) == 1024
    assert read(library, frame(packet))["heard"] == 1
