"""The loop gives the same bytes as the coder of whole frames, compiled or not."""

import numpy as np
import pytest

from protocol.coding import loop
from protocol.coding.encode import encode, encode_whole
from protocol.coding.rules import STEPS, Steps

SHAPES = [(9, 7, 3), (1, 5, 3), (6, 1, 1), (5, 4, 2), (1, 1, 3), (4, 4, 4)]


def pictures(shape):
    """Noise, a smooth one and a dark one."""
    rng = np.random.default_rng(3)
    yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.clip(np.cumsum(rng.integers(-3, 4, shape), axis=1) + 128, 0, 255).astype(np.uint8)
    yield np.zeros(shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("luma", STEPS)
def test_both_coders_write_the_same(shape, luma):
    for chroma in STEPS if shape[2] == 3 else (1,):
        for frame in pictures(shape):
            steps = Steps(luma, chroma)
            assert loop.encode(frame, steps) == encode_whole(frame, steps)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_is_taken_if_it_is_compiled(compiled, monkeypatch):
    monkeypatch.setattr(loop, "COMPILED", compiled)
    monkeypatch.setattr(loop, "encode", lambda *_: b"loop")
    frame = np.zeros((2, 2, 3), dtype=np.uint8)
    assert (encode(frame, Steps()) == b"loop") == compiled
