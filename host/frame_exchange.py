"""What a driver needs of whatever takes frames to an accelerator, and brings results back."""

from __future__ import annotations

import math
import threading
from abc import abstractmethod
from collections.abc import Iterable

from gen.common.closing import Closing
from gen.ir.network import QuantizedNetwork
from protocol.messages import DeviceInfo, Result, Statistics

UPDATING = (
    "an update of its contents has begun and is not complete, and until it is no frame is "
    "answered: run `python -m host update` with the network that it is to hold, or with "
    "network.npz of its build folder, which restores what it was generated with"
)
"""What is the matter with an accelerator that is amid an update, and what to do."""
UPDATABLE = (
    "its contents can be updated: if it is the right one, give the network that it was updated "
    "with by --network, or restore what it was generated with, by `python -m host update` with "
    "network.npz of its build folder"
)
"""What to do if one that takes updates holds another network."""


class FrameExchange(Closing):
    """Frames in, results out, step by step.

    Only one thread at a time takes a step; whatever else a driver does with it, it does while it
    holds ``turn``, but for :meth:`forget`.

    Parameters
    ----------
    network : QuantizedNetwork or None
        That the accelerator must hold; any if None.

    Attributes
    ----------
    turn : lock
    sent : float
        When the last of a frame's pixels were given away, by :meth:`now`.
    """

    def __init__(self, network: QuantizedNetwork | None):
        self.turn = threading.RLock()
        self.sent = 0.0
        self._network = network

    @property
    @abstractmethod
    def name(self) -> str:
        """For people and error messages: which accelerator this is, and where."""

    @property
    @abstractmethod
    def info(self) -> DeviceInfo:
        """What the accelerator said of itself, once it has been met."""

    @property
    @abstractmethod
    def unanswered(self) -> int:
        """Frames without a result."""

    @property
    @abstractmethod
    def progress(self) -> int:
        """Grows with everything that brings a frame further."""

    @property
    @abstractmethod
    def may_submit(self) -> bool:
        """Whether another frame may be submitted."""

    @abstractmethod
    def now(self) -> float:
        """Seconds of the clock that the accelerator runs by."""

    @abstractmethod
    def meet(self) -> None:
        """Wait until the accelerator has said what it is.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """

    @abstractmethod
    def begin(self) -> None:
        """Count time from now on."""

    @abstractmethod
    def submit(self, data: bytes, *, coded: bool = False) -> int:
        """Take a frame to send while :attr:`may_submit` allows it; returns its result's ticket.

        Parameters
        ----------
        data : bytes
            Pixels, row by row, channels last; or what they are coded as.
        coded : bool
            Which of these.
        """

    @abstractmethod
    def forget(self, tickets: Iterable[int]) -> None:
        """Nobody will ask for these results; another thread may take a step meanwhile."""

    def step(self, wait: float = math.inf) -> None:
        """Send what may be sent, wait a little for what comes, and notice if nothing does.

        Parameters
        ----------
        wait : float
            Seconds, at most.

        Raises
        ------
        FirebrickError
            If the accelerator has stopped, or is not the right one.
        """
        with self.turn:
            self._step(wait)

    @abstractmethod
    def _step(self, wait: float) -> None:
        """As :meth:`step`, whose turn it is."""

    @abstractmethod
    def results(self) -> list[tuple[int, Result]]:
        """What has been answered since this was last asked, by ticket.

        Raises
        ------
        FirebrickError
            If a frame was refused.
        """

    @abstractmethod
    def statistics(self) -> Statistics:
        """Ask the accelerator how it is doing.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """

    @abstractmethod
    def losses(self) -> dict[str, int]:
        """What has gone wrong on the way so far; zeros where nothing has."""

    @abstractmethod
    def reset(self) -> None:
        """Make the accelerator forget its frames; those without a result are sent again."""

    def layer(self, index: int) -> str:
        """Name of a layer."""
        return f"layer {index}" if self._network is None else self._network.ops[index].name
