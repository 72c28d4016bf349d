import asyncio
import random
import time
from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.driver import Driver
from protocol import framing
from protocol.packets import Kind, Packet, stall_turn
from tests.host.fake_board import FakeBoard, MemoryTransport, classify, device_info
from tests.networks import random_frames, tiny_network


def test_info_and_infer(network, transport):
    frame = random_frames(network, 1)[0]
    with Driver(transport, network) as board:
        assert board.info() == device_info(network)
        result = board.infer(frame)
        assert board.stats().answered == 1
        assert set(board.losses().values()) == {0}
    np.testing.assert_array_equal(result.sums, classify(frame))
    assert result.cycles == frame.size
    assert transport.closed


@pytest.mark.parametrize("in_flight", [1, 2, 5, None])
def test_stream_answers_in_order(network, transport, in_flight):
    frames = random_frames(network, 20)
    with Driver(transport, network) as board:
        results = list(board.stream(frames, in_flight=in_flight))
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in frames])
    assert transport.now() == 0.0  # nothing was waited for


class Drawn:
    """Iterates over frames, and counts those that were asked for."""

    def __init__(self, frames: np.ndarray):
        self._frames, self.count = iter(frames), 0

    def __iter__(self):
        return self

    def __next__(self) -> np.ndarray:
        frame = next(self._frames)
        self.count += 1
        return frame


def test_stream_keeps_at_most_in_flight(network, transport):
    drawn = Drawn(random_frames(network, 6))
    with Driver(transport, network) as board:
        for answered, _ in enumerate(board.stream(drawn, in_flight=2), start=1):
            assert transport.board.frames - answered < 2
            assert drawn.count <= answered + 2
    assert answered == drawn.count == 6


def test_a_slow_caller_is_no_silent_board(network, transport):
    frames = random_frames(network, 12)
    with Driver(transport, network, timeout=1.0) as board:
        for _ in board.stream(frames, in_flight=3):
            transport.wait(100.0)
        assert board.stats().dropped == 0


def test_async_streams_share_the_loop(network, transport):
    frames = random_frames(network, 12)

    async def camera():
        for frame in frames:
            await asyncio.sleep(0)
            yield frame

    async def run():
        with Driver(transport, network) as board:
            results = [result async for result in board.astream(camera())]
            results += [result async for result in board.astream(frames)]
            return [*results, await board.ainfer(frames[0])]

    results = asyncio.run(run())
    expected = [classify(f) for f in [*frames, *frames, frames[0]]]
    np.testing.assert_array_equal([r.sums for r in results], expected)


def test_a_result_is_there_before_the_next_frame_is_asked_for(network, transport):
    drawn = Drawn(random_frames(network, 5))
    with Driver(transport, network) as board:
        for answered, _ in enumerate(board.stream(drawn), start=1):
            assert drawn.count == answered
    assert answered == 5


class Trickle(MemoryTransport):
    """Hands over a few bytes at a time, and takes real time for it, in which nobody may disturb."""

    def read(self, timeout: float) -> bytes:
        taken = bytes(self.board.replies[:7])
        time.sleep(0.0005)
        del self.board.replies[:7]
        self.wait(0.0 if taken else timeout)
        return taken


@pytest.fixture
def trickle(network):
    return Trickle(FakeBoard(device_info(network), classify))


def test_tasks_share_the_board(network, trickle):
    frames = random_frames(network, 20)

    async def run():
        with Driver(trickle, network) as board:
            results = await asyncio.gather(*(board.ainfer(frame) for frame in frames))
            assert set(board.losses().values()) == {0}
            return results

    np.testing.assert_array_equal([r.sums for r in asyncio.run(run())], list(map(classify, frames)))


def test_a_task_that_waits_does_not_keep_another_from_sending(network, trickle):
    frames, held = random_frames(network, 2), []

    def until_both_are_there(said: bytes) -> bytes:
        held.append(said)
        return b"" if trickle.board.frames < 2 else b"".join(held)

    async def run():
        with Driver(trickle, network) as board:
            trickle.spoil = until_both_are_there
            first = asyncio.create_task(board.ainfer(frames[0]))
            while not trickle.board.frames:
                await asyncio.sleep(0)
            return await asyncio.gather(first, board.ainfer(frames[1]))

    np.testing.assert_array_equal([r.sums for r in asyncio.run(run())], list(map(classify, frames)))


def test_frames_may_depend_on_results(network, trickle):
    frames = random_frames(network, 4)

    async def run():
        answers: asyncio.Queue[object] = asyncio.Queue()

        async def camera():
            for number, frame in enumerate(frames):
                if number:
                    await answers.get()
                yield frame

        with Driver(trickle, network) as board:
            async for result in board.astream(camera()):
                yield result
                answers.put_nowait(result)

    async def collect():
        return [result.sums async for result in run()]

    np.testing.assert_array_equal(asyncio.run(collect()), list(map(classify, frames)))


def test_a_cancelled_task_leaves_the_board_to_others(network, trickle):
    frames = random_frames(network, 2)

    async def run():
        with Driver(trickle, network) as board:
            task = asyncio.create_task(board.ainfer(frames[0]))
            await asyncio.sleep(0.002)
            task.cancel()
            return board.infer(frames[1])

    np.testing.assert_array_equal(asyncio.run(run()).sums, classify(frames[1]))
    assert trickle.closed


def test_results_that_nobody_wants_are_not_taken_for_others(network, transport):
    frames = random_frames(network, 9)
    with Driver(transport, network) as board:
        abandoned = board.stream(frames[:8])
        next(abandoned)
        abandoned.close()
        np.testing.assert_array_equal(board.infer(frames[8]).sums, classify(frames[8]))


def test_a_reset_sends_frames_again(network, transport):
    frames = random_frames(network, 6)
    with Driver(transport, network) as board:
        results = board.stream(frames)
        sums = [next(results).sums]
        board.reset()
        sums += [result.sums for result in results]
    np.testing.assert_array_equal(sums, [classify(f) for f in frames])


@pytest.mark.parametrize("seed", range(5))
def test_a_bad_link_costs_time_only(network, transport, seed):
    rng = random.Random(seed)

    def spoil(said: bytes) -> bytes:
        if said and rng.random() < 0.5:
            at = rng.randrange(len(said))
            return rng.choice([said[:at], said[at:], said[:at] + b"\x7e" + said[at:], said * 2])
        return said

    frames = random_frames(network, 60)
    transport.spoil = spoil
    with Driver(transport, network, timeout=60) as board:
        results = list(board.stream(frames))
        losses = board.losses()
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in frames])
    assert losses["damaged packets"] > 0


def test_board_with_another_network(network):
    other = tiny_network(2)
    transport = MemoryTransport(FakeBoard(device_info(other), classify))
    with pytest.raises(FirebrickError, match=r"it holds network .* load the bitstream") as caught:
        Driver(transport, network)
    assert network.digest.hex() in str(caught.value)
    assert other.digest.hex() in str(caught.value)
    assert transport.closed


@pytest.mark.parametrize("spoil", [lambda said: b"", lambda said: b"\x7f" * len(said)])
def test_a_silent_board(network, spoil):
    transport = MemoryTransport(FakeBoard(device_info(network), classify), spoil)
    with pytest.raises(FirebrickError, match=r"the board has said nothing for \d\.\d s, with its"):
        Driver(transport, network, timeout=1.0)
    assert 1.0 <= transport.now() < 2.0
    assert transport.closed


def test_a_board_that_goes_silent(network, transport):
    frames = random_frames(network, 3)
    with Driver(transport, network, timeout=2.0) as board:
        board.infer(frames[0])
        transport.spoil = lambda said: b""
        with pytest.raises(FirebrickError, match=r"said nothing for .* with 2 results due"):
            list(board.stream(frames[1:]))


def without_results(said: bytes) -> bytes:
    packets = [Packet.decode(data) for data in framing.Deframer().feed(said)]
    return b"".join(framing.frame(p.encode()) for p in packets if p and p.kind != Kind.RESULT)


def test_a_board_that_makes_the_host_reset_for_ever(network, transport):
    def spoil(said: bytes) -> bytes:
        transport.wait(0.01)
        packets = [Packet.decode(data) for data in framing.Deframer().feed(said)]
        return b"".join(
            framing.frame(
                (
                    replace(packet, sequence=packet.sequence + 1000)
                    if packet.kind in (Kind.ACK, Kind.NACK)
                    else packet
                ).encode()
            )
            for packet in packets
            if packet
        )

    with Driver(transport, network, timeout=1.0) as board:
        transport.spoil = spoil
        with pytest.raises(FirebrickError, match="the board answers, but"):
            board.infer(random_frames(network, 1)[0])
        assert board.losses()["sessions begun again"] > 3


def test_an_accelerator_without_results(network, transport):
    with Driver(transport, network, timeout=2.0) as board:
        device = transport.board.device
        device.statistics = replace(device.statistics, in_flight=1)
        transport.spoil = without_results
        with pytest.raises(FirebrickError, match=r"gives no result for .* 1 frames wait in it"):
            board.infer(random_frames(network, 1)[0])


@pytest.mark.parametrize(
    ("grows", "message"),
    [
        ({"stalls": (5, 5, 5, 0)}, "the stream of fire2/squeeze is stalled, since what comes beh"),
        ({"stalled": 7}, "the stream of pixels is stalled, since the first layer takes nothing"),
        ({}, "no stream between its layers is stalled, so one of them has stopped by itself"),
    ],
)
def test_a_time_out_names_the_stalled_stream(network, transport, grows, message):
    device = transport.board.device

    def spoil(said: bytes) -> bytes:
        before = device.statistics
        stalls = grows.get("stalls", ())
        stalls += (0,) * (len(network.ops) - len(stalls))
        device.statistics = replace(
            before,
            in_flight=1,
            stalled=before.stalled + grows.get("stalled", 0),
            stalls=tuple(a + b for a, b in zip(before.stalls, stalls, strict=True)),
        )
        return without_results(said)

    assert network.ops[2].name == "fire2/squeeze"
    with Driver(transport, network, timeout=2.0) as board:
        transport.spoil = spoil
        with pytest.raises(FirebrickError, match=message):
            board.infer(random_frames(network, 1)[0])


def test_stalls_by_layer(network, transport):
    device = transport.board.device
    counts = tuple(range(len(network.ops)))
    device.statistics = replace(device.statistics, stalls=counts)
    turn = stall_turn(len(network.ops))
    with Driver(transport, network) as board:
        before = board.stats()
        assert board.stalls() == {op.name: turn * k for k, op in enumerate(network.ops)}
        assert set(board.stalls(before).values()) == {0}
    with Driver(transport) as board:
        assert board.stalls()["layer 3"] == 3 * turn


@pytest.mark.parametrize(
    "frame", [np.zeros((12, 10), np.uint8), np.zeros((12, 10, 3)), np.zeros((10, 12, 3), np.uint8)]
)
def test_frame_of_another_shape(network, transport, frame):
    with (
        Driver(transport, network) as board,
        pytest.raises(FirebrickError, match=r"uint8 of shape \(12, 10, 3\), not"),
    ):
        board.infer(frame)


def test_no_frame_in_flight_is_refused(network, transport):
    with Driver(transport, network) as board, pytest.raises(ValueError, match="at least 1"):
        list(board.stream([], in_flight=0))
