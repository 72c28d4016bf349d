import pytest

from tests.generated import tiny_board  # noqa: F401
from tests.host.fake_board import FakeBoard, MemoryTransport, classify, device_info
from tests.networks import tiny_network


@pytest.fixture(scope="module")
def network():
    """What the boards in plain Python say they hold."""
    return tiny_network(1)


@pytest.fixture
def transport(network):
    """A board in plain Python."""
    return MemoryTransport(FakeBoard(device_info(network), classify))
