import random

import pytest

from sim.mii import DATA_VALID, GAP, PREAMBLE, FrameReader, nibbles, raw_nibbles


def test_a_frame_is_preamble_data_check_and_gap():
    coded = nibbles(b"\x12" * 60)
    assert coded[:4] == bytes([DATA_VALID | 5] * 4)
    assert coded[14:16] == bytes([DATA_VALID | 5, DATA_VALID | 13])
    assert coded[16:18] == bytes([DATA_VALID | 2, DATA_VALID | 1])
    assert coded[-2 * GAP :] == bytes(2 * GAP)
    assert len(coded) == 2 * (len(PREAMBLE) + 60 + 4 + GAP)
    # The check sequence of a frame and its own make a constant: CRC-32's residue.
    assert nibbles(b"short") == nibbles(b"short".ljust(60, b"\0"))


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_frames_are_found_in_pieces(cut):
    rng = random.Random(cut)
    frames = [rng.randbytes(rng.randint(60, 300)) for _ in range(10)]
    line = b"".join(map(nibbles, frames))
    # Between frames the simulation says nothing, but once that a frame has ended.
    line = b"".join(part + b"\0" for part in line.split(bytes(2 * GAP)) if part)
    reader = FrameReader()
    found = [
        f for start in range(0, len(line), cut) for f in reader.feed(line[start : start + cut])
    ]
    assert found == frames
    assert reader.damaged == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line[:100] + bytes([line[100] ^ 1]) + line[101:],
        lambda line: line[:30],
        lambda line: line[1:],
        lambda line: b"",
    ],
)
def test_damaged_frames_are_counted_and_not_given(spoil):
    reader = FrameReader()
    whole = nibbles(bytes(range(80)))[: -2 * GAP]
    assert list(reader.feed(spoil(whole) + b"\0" + whole + b"\0")) == [bytes(range(80))]
    assert reader.damaged == 1


def test_raw_frames_keep_a_wrong_check_sequence():
    line = raw_nibbles(bytes(64))[: -2 * GAP] + b"\0"
    reader = FrameReader()
    assert list(reader.feed(line)) == []
    assert reader.damaged == 1
