"""PYNQ's own DMA channels on the stand-in's registers: whether its channels are like them.

PYNQ is no dependency; to have it: ``uv run --with pynq pytest tests/host/test_pynq_channels.py``.
"""

import sys
import warnings
from typing import Any

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.pynq_overlay import PynqOverlay
from sim import golden
from tests.host.stand_in_pynq import Channel, Dma, StandIn
from tests.hw.axi.cores import small_network
from tests.networks import random_frames

NETWORK = small_network()
TO_MEMORY, FROM_MEMORY = 0, 1
ALIGNMENT = 4


def own_channel(dma: Dma, offset: int) -> Any:
    """A channel of PYNQ, without interrupts, for a DMA without realignment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real = pytest.importorskip("pynq.lib.dma")
    way = TO_MEMORY if offset else FROM_MEMORY
    return real._SDMAChannel(dma, dma.buffer_max_size, ALIGNMENT, way, False)


@pytest.fixture(params=[Channel, own_channel])
def board(request, monkeypatch):
    made = StandIn(NETWORK, channel=request.param)
    monkeypatch.setitem(sys.modules, "pynq", made.module())
    return made


@pytest.fixture
def driver(tmp_path, board):
    path = tmp_path / "system.bit"
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    with PynqOverlay(path, NETWORK, timeout=5.0) as opened:
        yield opened
    assert board.gave_all_back


def test_frames_and_faults(board, driver):
    frames = random_frames(NETWORK, 6)
    expected = golden.class_sums(NETWORK, frames)
    for fault, complaint in ((0, ""), (0x00, "stopped sending"), (0x30, "stopped receiving")):
        if complaint:
            board.dma.faults[fault] = 1 << 5
            with pytest.raises(FirebrickError, match=complaint):
                driver.infer(frames[0])
        results = driver.stream(frames)
        np.testing.assert_array_equal([result.sums for result in results], expected)


def test_what_channels_refuse(board):
    buffer = board.memory.allocate((4,))
    for channel in (board.dma.sendchannel, board.dma.recvchannel):
        with pytest.raises(ValueError, match=r"Transfer size is 8388608 bytes, which exceeds"):
            channel.transfer(buffer, 0, 1 << 23)
        board.dma.looks = 20
        channel.transfer(buffer)
        assert not channel.idle
        with pytest.raises(RuntimeError, match="DMA channel not idle"):
            channel.transfer(buffer)
    board.dma.write(0, 4)
    for channel in (board.dma.sendchannel, board.dma.recvchannel):
        assert not channel.running
        with pytest.raises(RuntimeError, match="DMA channel not started"):
            channel.wait()
        channel.start()
        assert (channel.running, channel.idle, channel.error) == (True, False, False)
