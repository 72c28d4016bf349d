"""A board in plain Python that can die and come back, and what is needed to serve it."""

import threading

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.serve.board import SharedBoard
from host.serve.limits import Limits
from host.serve.service import Served
from sim import golden
from tests.host.fake_board import FakeBoard, MemoryTransport, device_info
from tests.networks import tiny_network

NETWORK = tiny_network(1)


def class_sums(frame):
    return golden.class_sums(NETWORK, frame[None])[0]


class Patient:
    """The board's switch: while it is off, nothing is answered and nobody can meet it.

    Parameters
    ----------
    board : FakeBoard, optional
    network : QuantizedNetwork
        That it must hold.

    Attributes
    ----------
    held : threading.Event
        Unless it is set, frames get no answer, though the board is alive.
    """

    def __init__(self, board=None, network=NETWORK):
        self.board = board or FakeBoard(device_info(NETWORK), self.classify)
        self._network = network
        self.on = True
        self.held = threading.Event()
        self.held.set()
        self.order = []

    def classify(self, frame):
        assert self.held.wait(20)
        self.order.append(frame.tobytes())
        return class_sums(frame)

    def meet(self):
        if not self.on:
            raise FirebrickError("fake board: nobody answers")
        return Driver(SwitchedTransport(self), self._network)

    def shared(self, limits=Limits(), network=NETWORK):  # noqa: B008
        return SharedBoard(self.meet, lambda board: 1.0, limits, pause=0.02)


class SwitchedTransport(MemoryTransport):
    """The way to a board with a switch."""

    def __init__(self, patient):
        super().__init__(patient.board)
        self._patient = patient

    def write(self, data):
        if self._patient.on:
            super().write(data)


def served(figures=None):
    return Served(NETWORK, NETWORK.preprocessing, "a board", "in memory", False, figures)
