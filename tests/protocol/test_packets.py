import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.framing import Deframer, frame
from protocol.messages import (
    NETWORK_BYTES,
    ContentsState,
    DeviceInfo,
    Part,
    ProtocolError,
    Result,
    Statistics,
)
from protocol.packets import (
    ESCAPE,
    FLAG,
    HEADER,
    INFO,
    MOST_PAYLOAD,
    RESULT,
    STATISTICS,
    SUMS,
    Block,
    Form,
    Kind,
    Packet,
    stall_turn,
)

DEVICE = DeviceInfo(224, 227, 3, 1000, 100_000_000, bytes(range(8)))
RAW = st.binary(max_size=300)
PARTS = st.builds(
    lambda cycles, network, count: cycles + network + bytes(range(4)) * count,
    st.binary(min_size=4, max_size=4),
    st.just(DEVICE.digest[:NETWORK_BYTES]),
    st.sampled_from([SUMS - 1, SUMS, 1000 % SUMS]),
)
"""Payloads of results, some of them right."""
AWKWARD = st.lists(st.sampled_from([FLAG, ESCAPE, FLAG ^ 0x20, 0, 255]), max_size=60).map(bytes)


def test_a_packet_byte_for_byte():
    packet = Packet(Kind.FRAME, 0x1234, 5, b"ab")
    body = bytes.fromhex("3412 0500 04 00 0200") + b"ab"
    assert packet.encode() == body + zlib.crc32(body).to_bytes(4, "little")
    assert Packet.decode(packet.encode()) == packet


@given(st.integers(0, 255), st.integers(0, 65535), st.integers(0, 65535), RAW)
def test_packets_round_trip(kind, sequence, index, payload):
    packet = Packet(kind, sequence, index, payload)
    assert Packet.decode(packet.encode()) == packet


@given(RAW, st.data())
def test_damaged_packets_are_refused(payload, data):
    packet = bytearray(Packet(Kind.FRAME, 1, 2, payload).encode())
    position = data.draw(st.integers(0, len(packet) - 1))
    packet[position] ^= data.draw(st.integers(1, 255))
    assert Packet.decode(bytes(packet)) is None


def test_the_form_of_a_packet_comes_back():
    packet = Packet(Kind.FRAME, 3, 2, b"abc", Form.CODED | Form.LAST)
    assert Packet.decode(packet.encode()) == packet


@given(RAW)
def test_any_bytes_are_no_packet(data):
    assert Packet.decode(data) is None or Packet.decode(data).encode() == data


@given(
    st.lists(RAW | AWKWARD, max_size=5),
    st.integers(1, 50),
    st.sampled_from([b"", b"noise", b"\x7d", b"\x7d\x7d"]),
)
def test_framed_packets_come_out_in_any_pieces(payloads, size, noise):
    packets = [Packet(Kind.FRAME, number, 0, data).encode() for number, data in enumerate(payloads)]
    line = b"\x00noise" + b"".join(frame(packet) + noise for packet in packets)
    assert line.count(FLAG) == len(packets)
    deframer = Deframer()
    pieces = (line[start : start + size] for start in range(0, len(line), size))
    assert [packet for piece in pieces for packet in deframer.feed(piece)] == packets


@given(RAW | AWKWARD, RAW)
def test_whatever_was_before_the_next_flag_begins_a_packet(garbage, payload):
    packet = Packet(Kind.RESULT, 9, 9, payload).encode()
    assert Deframer().feed(garbage + frame(packet))[-1] == packet


def test_a_length_beyond_all_bounds_is_not_waited_for():
    head = HEADER.encode(sequence=0, index=0, kind=4, form=0, length=MOST_PAYLOAD + 1)
    (found,) = Deframer().feed(frame(head))
    assert Packet.decode(found) is None


def test_device_info_round_trip():
    assert DeviceInfo.decode(DEVICE.encode()) == DEVICE
    changes: list[dict[str, Any]] = [
        {"coded": True},
        {"structure": b"formwork", "memories": 255},
        {"memories": 1, "keyed": True},
        {"memories": 1, "updating": True, "counter": 2**32 - 1},
    ]
    for change in changes:
        other = replace(DEVICE, **change)
        assert DeviceInfo.decode(other.encode()) == other
        assert json.loads(json.dumps(other.entry))["digest"] == "0001020304050607"
    assert DEVICE.frame_bytes == 224 * 227 * 3
    assert (DEVICE.chunks, DEVICE.parts) == (298, 8)


@given(st.binary(min_size=INFO.size, max_size=INFO.size) | RAW)
def test_any_device_info_is_read_or_refused(payload):
    for data in (payload, DEVICE.encode()[:6] + payload[6:]):
        try:
            assert DeviceInfo.decode(data).encode() == data
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "height"),
        ({"classes": 1 << 16}, "classes"),
        ({"digest": b"x"}, "digest must be 8 bytes"),
        ({"structure": b"x"}, "structure must be 8 bytes"),
        ({"memories": 256}, "memories must be 0 to 255"),
    ],
)
def test_device_info_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        DeviceInfo(**{**vars(DEVICE), **change})


def test_another_version_says_so():
    data = bytearray(DEVICE.encode())
    data[4] = 9
    with pytest.raises(ProtocolError, match="protocol version 9, this host version 5"):
        DeviceInfo.decode(bytes(data))


@given(RAW)
def test_any_statistics_are_read_or_refused(payload):
    try:
        assert Statistics.decode(payload).encode() == payload
    except ProtocolError:
        assert len(payload) != STATISTICS.size


def test_results_round_trip_in_parts():
    sums = np.random.default_rng(1).integers(-(2**31), 2**31, 1000).astype(np.int32)
    payloads = Result(sums, 4_000_000_000).encode(DEVICE.digest)
    parts = [Part.decode(payload, index, 1000) for index, payload in enumerate(payloads)]
    assert {part.cycles for part in parts} == {4_000_000_000}
    assert {part.network for part in parts} == {DEVICE.digest[:NETWORK_BYTES]}
    np.testing.assert_array_equal(np.concatenate([part.sums for part in parts]), sums)


@given(st.one_of(RAW, PARTS), st.one_of(st.integers(0, 9), st.integers(0, 65535)))
def test_any_result_is_read_or_refused(payload, index):
    count = min(SUMS, DEVICE.classes - SUMS * index)
    right = count > 0 and len(payload) == RESULT.size + 4 * count
    try:
        part = Part.decode(payload, index, DEVICE.classes)
    except ProtocolError:
        assert not right
    else:
        assert right
        assert part.cycles.to_bytes(4, "little") + part.network == payload[: RESULT.size]
        assert part.sums.tobytes() == payload[RESULT.size :]


def test_statistics_round_trip_with_stalls():
    statistics = replace(Statistics(*range(12)), stalls=(7, 0, 2**32 - 1))
    assert Statistics.decode(statistics.encode()) == statistics
    later = replace(statistics, stalls=(8, 0, 1))
    turn = stall_turn(3)
    assert later.stall_cycles(statistics) == (turn, 0, 2 * turn)
    with pytest.raises(ProtocolError, match="tells of its statistics in 29 bytes"):
        Statistics.decode(bytes(29))


@given(RAW)
def test_any_contents_are_read_or_refused(payload):
    for data in (payload, payload[:4] + bytes(4) + payload[8:]):
        try:
            assert ContentsState.decode(data).encode() == data
        except ProtocolError:
            assert len(data) % 8 or len(data) < 8 or data[4] > 3 or any(data[5:8])


def test_contents_round_trip():
    state = ContentsState(7, keyed=True, updating=False, checks=(0, 2**64 - 1, 5))
    assert ContentsState.decode(state.encode()) == state
    assert len(state.encode()) == replace(DEVICE, memories=3).contents_bytes
    assert DEVICE.contents_bytes == 0
    assert replace(DEVICE, memories=255).longest_answer == 8 + 8 + 255 * 8 + 4


def test_blocks_take_all_their_fields():
    with pytest.raises(ValueError, match="fields are"):
        Block((("a", 1),)).encode(b=1)
    with pytest.raises(ValueError, match="no block"):
        INFO.decode(b"")
