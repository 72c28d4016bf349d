import numpy as np
import pytest

from gen.errors import FirebrickError
from host.driver import Accelerator
from tests.host.fake_board import FakeBoard, MemoryTransport, device_info
from tests.networks import random_frames, tiny_network

CLASSES = 5


def classify(frame: np.ndarray) -> np.ndarray:
    return np.arange(CLASSES) * frame.sum(dtype=np.int64) - frame[0, 0, 0]


@pytest.fixture(scope="module")
def network():
    return tiny_network(1)


@pytest.fixture
def transport(network):
    return MemoryTransport(FakeBoard(device_info(network), classify))


def test_info_and_infer(network, transport):
    frame = random_frames(network, 1)[0]
    with Accelerator(transport, network) as board:
        assert board.info() == device_info(network)
        result = board.infer(frame)
    np.testing.assert_array_equal(result.sums, classify(frame))
    assert result.cycles == 1001
    assert transport.closed


@pytest.mark.parametrize("in_flight", [1, 2, 5, 100])
def test_stream_answers_in_order(network, transport, in_flight):
    frames = random_frames(network, 7)
    with Accelerator(transport, network) as board:
        results = list(board.stream(frames, in_flight=in_flight))
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in frames])


def test_stream_keeps_at_most_in_flight(network, transport):
    drawn = 0

    def frames():
        nonlocal drawn
        for frame in random_frames(network, 6):
            drawn += 1
            yield frame

    with Accelerator(transport, network) as board:
        for answered, _ in enumerate(board.stream(frames(), in_flight=2), start=1):
            assert transport.board.frames - answered < 2
            assert drawn <= answered + 2
    assert answered == drawn == 6


def test_board_with_another_network(network):
    other = tiny_network(2)
    transport = MemoryTransport(FakeBoard(device_info(other), classify))
    with pytest.raises(FirebrickError) as caught:
        Accelerator(transport, network)
    assert network.digest.hex() in str(caught.value)
    assert other.digest.hex() in str(caught.value)
    assert transport.closed


@pytest.mark.parametrize("keep", [0, 1, 20])
def test_information_cut_short(network, keep):
    transport = MemoryTransport(
        FakeBoard(device_info(network), classify), spoil=lambda said: said[:keep]
    )
    with pytest.raises(FirebrickError, match=r"sent \d+ of \d+ bytes of its information within"):
        Accelerator(transport, network, timeout=0.05)
    assert transport.closed


def test_garbage_instead_of_information(network):
    transport = MemoryTransport(
        FakeBoard(device_info(network), classify), spoil=lambda said: b"\x7f" * len(said)
    )
    with pytest.raises(FirebrickError, match=r"got byte 0x7f; noise"):
        Accelerator(transport, network)


def test_result_cut_short_names_the_frame(network, transport):
    frames = random_frames(network, 3)
    with Accelerator(transport, network, timeout=0.05) as board:
        transport.spoil = lambda said: said[:-1] if transport.board.frames == 2 else said
        results = board.stream(frames, in_flight=1)
        next(results)
        with pytest.raises(FirebrickError, match="23 of 24 bytes of the result of frame 1"):
            next(results)


def test_garbage_instead_of_a_result(network, transport):
    with Accelerator(transport, network) as board:
        transport.spoil = lambda said: b"?" + said
        with pytest.raises(FirebrickError, match=r"result of frame 0 .* got byte 0x3f"):
            board.infer(random_frames(network, 1)[0])


@pytest.mark.parametrize(
    "frame", [np.zeros((12, 10), np.uint8), np.zeros((12, 10, 3)), np.zeros((10, 12, 3), np.uint8)]
)
def test_frame_of_another_shape(network, transport, frame):
    with (
        Accelerator(transport, network) as board,
        pytest.raises(FirebrickError, match=r"uint8 of shape \(12, 10, 3\), not"),
    ):
        board.infer(frame)
