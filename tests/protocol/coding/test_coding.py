import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from protocol.coding.decode import BitReader, decode
from protocol.coding.encode import coded_bytes, encode, frame_codes
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import LONGEST, STEPS, Steps, columns, is_head

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 5))
STEP = st.sampled_from(STEPS)


def frames(shapes=SHAPES):
    """Frames of few values, so that all kinds of codes come, and of any values."""
    values = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 254, 255]))
    return shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=values))


def steps_for(frame, luma, chroma):
    return Steps(luma, chroma if frame.shape[2] == 3 else 1)


@given(frames())
def test_lossless_frames_come_back_as_they_were(frame):
    made = decode(encode(frame, Steps()), frame.shape)
    assert made.fault == ""
    np.testing.assert_array_equal(made.frame, frame)


@given(frames(), STEP, STEP)
def test_the_decoder_gives_what_the_levels_stand_for(frame, luma, chroma):
    steps = steps_for(frame, luma, chroma)
    levels = to_levels(frame, steps)
    made = decode(encode(frame, steps), frame.shape)
    assert made.fault == ""
    np.testing.assert_array_equal(made.frame, to_pixels(levels, steps))
    assert len(encode(frame, steps)) == coded_bytes(levels)


@given(frames(st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 3]))), STEP)
def test_no_sample_is_off_by_more_than_rounding_explains(frame, step):
    steps = steps_for(frame, step, step)
    made = to_pixels(to_levels(frame, steps), steps)
    off = np.abs(made.astype(int) - frame)
    # Y may be off by half a step, and half of what Cg and Co are, rounded, too.
    assert off.max() <= (step // 2 if frame.shape[2] == 1 else step + step // 2)


def test_every_colour_survives_the_transform():
    values = np.array([0, 1, 2, 3, 127, 128, 129, 252, 253, 254, 255], np.uint8)
    colours = np.stack(np.meshgrid(values, values, values), axis=-1).reshape(1, -1, 3)
    for step in STEPS:
        levels = to_levels(colours, Steps(step, step))
        assert -256 <= levels.min()
        assert levels.max() <= 255
    np.testing.assert_array_equal(to_pixels(to_levels(colours, Steps()), Steps()), colours)


@pytest.mark.parametrize("step", STEPS)
def test_black_and_white_stay_what_they_are(step):
    frame = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    steps = Steps(step, step)
    np.testing.assert_array_equal(to_pixels(to_levels(frame, steps), steps), frame)


def test_the_bits_are_those_of_the_specification():
    # 5 after nothing: m = 10, k = 0, an escape; then 5 again: m = 0, s = 20, so k = 2.
    frame = np.array([[[5], [5], [4]]], np.uint8)
    # Then -1: m = 1, s = 10, since two before counts as above right: k = 1.
    bits = "00000000" + "000001010" + "1" + "00" + "1" + "1"
    bits += "1" * (-len(bits) % 8)
    expected = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    assert encode(frame, Steps()) == b"\x00" + expected


def test_no_code_is_longer_than_the_longest():
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    codes, lengths = frame_codes(to_levels(noise, Steps()))
    assert lengths.max() == LONGEST
    assert (codes < 1 << lengths.astype(int)).all()


def test_one_column_is_coded_as_one_row():
    column = np.arange(0, 90, 10, dtype=np.uint8).reshape(9, 1, 1)
    assert encode(column, Steps()) == encode(column.reshape(1, 9, 1), Steps())
    assert columns((9, 1, 1)) == columns((1, 9, 1)) == 9


def test_a_sample_that_is_foreseen_takes_one_bit():
    stripes = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[:, None], 64, axis=1)[:, :, None]
    bits = 8 * len(encode(stripes, Steps())) / stripes.size
    assert 1 < bits < 1.5


def test_each_part_of_the_head_is_looked_at():
    frame = np.zeros((2, 3, 1), np.uint8)
    body = encode(frame, Steps())[1:]
    for head in range(256):
        assert is_head(head, 1) == (head < 4)
        assert (decode(bytes([head]) + body, frame.shape).fault == "") == (head < 4)
    assert is_head(0b1111, 3)
    assert not is_head(0b10000, 3)


def test_wrong_lengths_are_refused():
    frame = np.random.default_rng(2).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    data = encode(frame, Steps())
    assert decode(b"", frame.shape).fault == "its first byte is wrong"
    for end in range(1, len(data)):
        assert "end before" in decode(data[:end], frame.shape).fault
    assert "are left" in decode(data + b"\xff", frame.shape).fault
    assert decode(data + b"\xff", frame.shape).frame.tobytes() == frame.tobytes()


def test_padding_must_be_ones():
    frame = np.zeros((1, 3, 1), np.uint8)
    assert encode(frame, Steps()) == b"\x00\xff"
    for bit in range(5):
        assert "ones" in decode(bytes([0, 0xFF ^ 1 << bit]), frame.shape).fault


@settings(max_examples=200)
@given(st.binary(max_size=60), st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)))
def test_anything_decodes_to_a_whole_frame(data, shape):
    made = decode(data, shape)
    assert made.frame.shape == shape
    if not made.fault:
        assert decode(data[:-1], shape).fault
        assert decode(data + b"\xff", shape).fault


def test_an_escape_that_need_not_be_one_is_taken():
    reader = BitReader(int("00000000" + "000000011" + "1111111", 2).to_bytes(3, "big"))
    assert reader.read(2) == 3
    assert reader.fault() == ""


def test_steps_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="step of chroma must be 1, 2, 4 or 8, not 3"):
        Steps(1, 3)
    assert Steps().lossless
    assert not Steps(1, 2).lossless
    for luma in STEPS:
        for chroma in STEPS:
            assert Steps.decode(Steps(luma, chroma).encode()) == Steps(luma, chroma)
