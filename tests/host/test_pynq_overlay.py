"""The driver of a core that PYNQ reaches, against a stand-in for PYNQ: answers and recovery."""

import asyncio
import sys
import time

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.dma_exchange import FRAMES
from host.pynq_overlay import PynqOverlay
from protocol.packets import stall_turn
from protocol.registers import BEAT_BITS
from sim import golden
from tests.host.stand_in_pynq import StandIn
from tests.hw.axi.cores import Beats, beats, small_network
from tests.networks import random_frames

NETWORK = small_network()
COUNT = 12


@pytest.fixture
def bitfile(tmp_path):
    path = tmp_path / "system.bit"
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    return path


@pytest.fixture
def board(monkeypatch, request):
    """A board that runs PYNQ; of the width that a test is for."""
    made = StandIn(NETWORK, getattr(request, "param", 32))
    monkeypatch.setitem(sys.modules, "pynq", made.module())
    return made


@pytest.fixture
def driver(bitfile, board):
    with PynqOverlay(bitfile, NETWORK) as opened:
        yield opened
    assert board.gave_all_back


@pytest.fixture
def hasty(bitfile, board):
    """A driver that gives the core up soon."""
    with PynqOverlay(bitfile, NETWORK, timeout=0.5) as opened:
        yield opened
    assert board.gave_all_back


FRAMES_SENT = random_frames(NETWORK, COUNT)
SUMS = golden.class_sums(NETWORK, FRAMES_SENT)


def assert_right(driver, count=COUNT, **options):
    """Sums of some frames are the golden model's."""
    results = list(driver.stream(FRAMES_SENT[:count], **options))
    np.testing.assert_array_equal([result.sums for result in results], SUMS[:count])
    assert {result.sums.dtype for result in results} == {np.dtype(np.int32)}


@pytest.mark.parametrize("board", BEAT_BITS, indirect=True)
@pytest.mark.parametrize("in_flight", [1, 3, None])
def test_answers_are_the_golden_model_s(bitfile, board, driver, in_flight):
    assert board.loaded == [str(bitfile)]
    assert_right(driver, in_flight=in_flight)
    sent = [beats(frame.tobytes(), board.core.info.beat_bits) for frame in FRAMES_SENT]
    assert [len(frame) for frame in board.core.frames] == [len(frame) for frame in sent]
    assert set(driver.losses().values()) == {0}
    assert driver.stats().answered == COUNT


def test_further_frames_are_sent_before_the_first_is_answered(board, driver):
    stream = driver.stream(iter(FRAMES_SENT))
    next(stream)
    assert board.core.held == 2
    assert driver.unanswered >= 2
    assert [transfer in board.dma.transfers for transfer in (0x00, 0x30)] == [True, True]
    assert sum(1 for _ in stream) == COUNT - 1


def test_one_frame_at_a_time_and_its_time(driver):
    before = driver.clock()
    result = driver.infer(FRAMES_SENT[0])
    passed = driver.clock() - before
    np.testing.assert_array_equal(result.sums, SUMS[0])
    assert 0 < result.cycles <= passed * driver.info().clock_hz
    assert before < driver.sent() < driver.clock()
    assert driver.stats().cycles == result.cycles


def test_tasks_share_the_core(driver):
    async def run():
        both = await asyncio.gather(*(driver.ainfer(frame) for frame in FRAMES_SENT))
        return both, [result async for result in driver.astream(FRAMES_SENT)]

    for results in asyncio.run(run()):
        np.testing.assert_array_equal([result.sums for result in results], SUMS)


def test_what_the_core_says_of_itself(board, driver):
    info, about = driver.info(), board.core.info
    assert info.shape == NETWORK.input.shape
    assert (info.classes, info.clock_hz, info.digest) == (3, about.clock_hz, NETWORK.digest)
    assert (info.coded, info.memories, str(driver.coding)) == (False, 0, "raw")
    turn = stall_turn(about.layers)
    assert driver.stalls() == {"conv1": 10 * turn, "conv10": 11 * turn, "sums": 12 * turn}
    before = driver.stats()
    board.core.stalls[1] += 7
    assert driver.stalls(before) == {"conv1": 0, "conv10": 7 * turn, "sums": 0}


def test_the_core_s_best_class(driver):
    assert driver.top_class() is None
    for frame, sums in zip(FRAMES_SENT, SUMS, strict=True):
        driver.infer(frame)
        assert driver.top_class() == sums.argmax()
    driver.reset()
    assert driver.top_class() is None


def test_any_network_will_do_if_none_is_named(bitfile, board):
    with PynqOverlay(bitfile) as opened:
        assert_right(opened, 2)
        assert list(opened.stalls()) == ["layer 0", "layer 1", "layer 2"]
        opened.close()


def test_frames_of_another_shape_are_refused(driver):
    with pytest.raises(FirebrickError, match="is uint8 of shape"):
        driver.infer(np.zeros((4, 6, 3), np.uint8))
    assert_right(driver, 1)


def test_other_names_of_instances(bitfile, board):
    board.instances = {"nn": board.core, "axi_dma_0": board.dma}
    with PynqOverlay(bitfile, NETWORK, core="nn", dma="axi_dma_0") as opened:
        assert_right(opened, 2)


def deaf(board):
    board.core.deaf = True


def silent(board):
    board.core.silent = True


def short(board):
    board.core.spoil = lambda sent: [*sent[:4], [*sent[4][:1], 1, 0]]


def long(board):
    board.core.spoil = lambda sent: [*sent[:-1], [sent[-1][0], 0, 0], [0, 1, 0]]


def no_memory_there(board):
    board.dma.faults[0x00] = 1 << 6


def slave_error(board):
    board.dma.faults[0x30] = 1 << 5


def long_answer(board):
    board.core.answers.append(bytes(64))


def short_answer(board):
    board.core.cut = 8


def another_s_answer(board):
    board.core.answers.append(bytes(12))


def somebody_else_sends(board):
    board.dma.looks = 50
    board.dma.sendchannel.transfer(board.memory.allocate((1,)))


def halted(board):
    board.dma.write(0x30, 0)


def test_a_core_that_does_not_answer(board, hasty):
    silent(board)
    with pytest.raises(FirebrickError) as error:
        hasty.infer(FRAMES_SENT[0])
    assert (
        "system.bit: the core has all pixels, and does not answer for 0.5 s; answers due: 1; "
        "frames since its last reset: 1 taken, 0 answered" in str(error.value)
    )


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (short, "found a frame malformed: it ended too early; the DMA's stream must be 32 bits"),
        (long, "found a frame malformed: it went on behind its last pixel"),
        (no_memory_there, "the DMA stopped sending frames: there is no memory at an address"),
        (slave_error, "the DMA stopped receiving answers: the memory refused an access"),
        (long_answer, "stopped receiving answers: an answer was longer than it should be"),
        (short_answer, "the core sent 8 bytes; answers of 12 bytes due: 2"),
        (another_s_answer, "the core sent 12 bytes; answers of 12 bytes due: 0"),
        (somebody_else_sends, "refused a transfer (DMA channel not idle)"),
        (halted, "stopped receiving answers: something halted it"),
    ],
)
def test_the_frame_behind_a_fault_is_right(board, driver, fault, complaint):
    assert_it_fails_and_recovers(board, driver, fault, complaint)


@pytest.mark.parametrize(("fault", "due"), [(deaf, 1), (silent, 3)])
def test_the_frame_behind_a_time_out_is_right(board, hasty, fault, due):
    complaint = f"takes no more pixels for 0.5 s; answers due: {due}; frames since its last reset"
    assert_it_fails_and_recovers(board, hasty, fault, complaint)


def assert_it_fails_and_recovers(board, driver, fault, complaint):
    """Frames fail for a fault, and others are right when it is gone."""
    assert_right(driver, 2)
    fault(board)
    with pytest.raises(FirebrickError) as error:
        list(driver.stream(FRAMES_SENT[:3]))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    board.core.spoil, board.core.silent, board.core.deaf = list, False, False
    board.core.cut, board.dma.looks = None, 2
    sent = len(board.core.frames)
    assert_right(driver)
    assert len(board.core.frames) == sent + COUNT  # nobody waits for the others any more
    for buffer in board.memory.buffers[FRAMES + 2 :]:
        buffer.freebuffer()


def test_another_frame_s_answer_cut_short_by_a_reset_is_thrown_away(board, driver):
    for _ in range(5):
        stream = driver.stream(FRAMES_SENT)
        next(stream)
        while not board.core.answers:
            board.dma.read(0x04)
        stream.close()
        assert board.core.answers
        driver.reset()
        assert not board.core.answers
        assert_right(driver, 3)


def test_frames_without_an_answer_are_sent_again_by_a_reset(board, driver):
    stream = driver.stream(FRAMES_SENT)
    results = [next(stream)]
    driver.reset()
    results += stream
    np.testing.assert_array_equal([result.sums for result in results], SUMS)
    losses = driver.losses()
    assert losses["resets"] == 1
    assert losses["frames computed again"] >= 1
    assert losses["malformed frames"] == 0


def test_a_malformed_frame_is_counted(board, driver):
    short(board)
    with pytest.raises(FirebrickError):
        driver.infer(FRAMES_SENT[0])
    assert driver.losses() == {"malformed frames": 1, "frames computed again": 1, "resets": 0}


def test_tasks_that_do_not_fail_get_their_results(board, driver):
    """One of many frames is malformed: its task fails, and the others' frames are sent again."""
    spoilt: list[Beats] = []

    def once(sent):
        if spoilt or len(board.core.frames) < 3:
            return sent
        spoilt.append(sent)
        return sent[:-1]

    board.core.spoil = once

    async def run():
        tasks = (driver.ainfer(frame) for frame in FRAMES_SENT)
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(run())
    failed = [one for one in results if isinstance(one, FirebrickError)]
    assert spoilt
    assert 1 <= len(failed) < COUNT
    for result, sums in zip(results, SUMS, strict=True):
        if result not in failed:
            np.testing.assert_array_equal(result.sums, sums)
    assert_right(driver)


def test_a_slow_caller_is_no_silent_core(hasty):
    stream = hasty.stream(FRAMES_SENT[:2])
    next(stream)  # the other one is in the core, which needs some looks more
    time.sleep(0.7)  # more than the time-out
    assert sum(1 for _ in stream) == 1


class Interrupt:
    """Ctrl-C at the n-th access to the DMA from now on."""

    def __init__(self, board):
        self._board, self.left = board, None
        board.dma.watch = self

    def __call__(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise KeyboardInterrupt


def test_ctrl_c_anywhere_does_no_harm(board, driver, monkeypatch):
    monkeypatch.setattr("host.dma_exchange.SETTLE", 1e-4)
    interrupt = Interrupt(board)
    for place in range(2000):
        interrupt.left = place
        try:
            driver.infer(FRAMES_SENT[place % COUNT])
            driver.reset()
        except KeyboardInterrupt:
            pass
        else:
            break
        assert_right(driver, 2)
    interrupt.left = None
    assert 50 < place < 1999


def test_ctrl_c_while_it_is_opened_leaves_nothing(bitfile, board, monkeypatch):
    monkeypatch.setattr("host.dma_exchange.SETTLE", 1e-4)
    interrupt = Interrupt(board)
    for place in range(2000):
        interrupt.left = place
        try:
            PynqOverlay(bitfile, NETWORK).close()
        except KeyboardInterrupt:
            assert board.gave_all_back
        else:
            break
    interrupt.left = None
    assert 5 < place < 1999


def test_a_dma_that_does_not_come_out_of_a_reset(bitfile, board, monkeypatch):
    monkeypatch.setattr("host.axi_dma.RESET_SECONDS", 0.01)
    board.dma.stuck = True
    with pytest.raises(FirebrickError, match=r"does not come out of a reset; load the overlay"):
        PynqOverlay(bitfile, NETWORK)
    assert all(buffer.freed for buffer in board.memory.buffers)


def test_a_dma_that_refuses_to_start(bitfile, board, monkeypatch):
    def refuse(self, array):
        raise RuntimeError("DMA channel not started")

    monkeypatch.setattr(type(board.dma.recvchannel), "transfer", refuse)
    with pytest.raises(FirebrickError, match=r"the DMA refused a transfer \(DMA channel not start"):
        PynqOverlay(bitfile, NETWORK)
