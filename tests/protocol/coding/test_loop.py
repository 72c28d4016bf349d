"""The loop gives the same bytes as the coder of whole frames, compiled or not."""

import importlib.util
import sys

import numpy as np
import pytest

from protocol.coding import encode as coder
from protocol.coding import loop
from protocol.coding.encode import COMPILED, encode, encode_whole
from protocol.coding.rules import STEPS, Steps

SHAPES = [(9, 7, 3), (1, 5, 3), (6, 1, 1), (5, 4, 2), (1, 1, 3), (4, 4, 4)]


def pictures(shape):
    """Noise, a smooth one and a dark one."""
    rng = np.random.default_rng(3)
    yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.clip(np.cumsum(rng.integers(-3, 4, shape), axis=1) + 128, 0, 255).astype(np.uint8)
    yield np.zeros(shape, dtype=np.uint8)


@pytest.fixture
def plain(monkeypatch):
    """The loop as it is where there is no compiler."""
    spec = importlib.util.spec_from_file_location("plain_loop", loop.__file__)
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "numba", None)
        spec.loader.exec_module(module)
    return module


def test_there_is_a_compiler():
    """It is among the packages for development, so that what is compiled is tested everywhere."""
    assert COMPILED, "Numba is not installed; run `uv sync`"
    assert hasattr(loop._pack, "py_func")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("luma", STEPS)
def test_all_coders_write_the_same(plain, shape, luma):
    assert not hasattr(plain._pack, "py_func")
    for chroma in STEPS if shape[2] == 3 else (1,):
        for frame in pictures(shape):
            steps = Steps(luma, chroma)
            expected = encode_whole(frame, steps)
            assert plain.encode(frame, steps) == expected
            assert loop.encode(frame, steps) == expected


@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_is_taken_if_it_is_compiled(compiled, monkeypatch):
    monkeypatch.setattr(coder, "COMPILED", compiled)
    monkeypatch.setattr(loop, "encode", lambda *_: b"loop")
    frame = np.zeros((2, 2, 3), dtype=np.uint8)
    assert (encode(frame, Steps()) == b"loop") == compiled
