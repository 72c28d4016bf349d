"""How many frames a second each link of a board carries, raw and coded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from boards.board import Board, Station
from gen.ir.network import QuantizedNetwork
from gen.plan.link import link_frames_per_second, shell_cycles
from hw.frames.pipeline import slots
from hw.link.uart import FEWEST_CYCLES
from protocol.coding.rules import RAW
from protocol.coding.typical import KEEPING, typical_part
from protocol.packets import MAC_PREFIX, UDP_PORT

_ANYWHERE = Station(IPv4Address("192.168.1.50"), MAC_PREFIX << 32, UDP_PORT)


@dataclass(frozen=True)
class Rates:
    """Frames a second over a link.

    Attributes
    ----------
    raw : float
    coded : tuple of float
        Of photographs, with each of :data:`protocol.coding.typical.KEEPING`; a board that takes
        coded frames takes raw ones too.
    """

    raw: float
    coded: tuple[float, ...]

    @property
    def lossless(self) -> float:
        """Coded without loss."""
        return self.coded[0]

    @property
    def coarsest(self) -> float:
        """With the largest steps that the host takes by itself."""
        return self.coded[-1]

    def named(self, *, coded: bool) -> dict[str, float]:
        """By what ``--coding`` calls them, for a board that takes coded frames or does not."""
        names = [steps.option for steps in KEEPING]
        return {RAW: self.raw} | (dict(zip(names, self.coded, strict=True)) if coded else {})

    @staticmethod
    def of(network: QuantizedNetwork, board: Board, clock_hz: int) -> Rates:
        """Those over a board's link.

        Parameters
        ----------
        network : QuantizedNetwork
        board : Board
        clock_hz : int
            Of the shell, which takes a byte a cycle, and of the decoder.
        """
        shape = network.input.shape
        decoded = clock_hz / (shape[0] * shape[1] * slots(shape))
        raw = min(link_frames_per_second(network, board), clock_hz / shell_cycles(network, board))
        coded = (
            link_frames_per_second(network, board, part=typical_part(shape, steps))
            for steps in KEEPING
        )
        return Rates(raw, tuple(max(raw, min(rate, decoded)) for rate in coded))

    def needs_coding(self, frames_per_second: float, asked: float | None) -> bool:
        """Whether raw frames would be too slow, and coded ones faster.

        Parameters
        ----------
        frames_per_second : float
            Of the accelerator.
        asked : float or None
            Frames a second that will do; all of the accelerator's if None.
        """
        wanted = frames_per_second if asked is None else min(asked, frames_per_second)
        return self.raw < min(wanted, self.lossless)


@dataclass(frozen=True)
class Choice:
    """A link that a board could have.

    Attributes
    ----------
    options : str
        Of ``python -m gen``, to get it.
    name : str
    board : Board
        With that link.
    """

    options: str
    name: str
    board: Board


def choices(board: Board, clock_hz: int) -> Iterator[Choice]:
    """The links of a board, the one that it has among them.

    Parameters
    ----------
    board : Board
    clock_hz : int
    """
    bridge = board.bridge
    bauds = {bridge.usual(clock_hz), bridge.most_baud}
    if board.station is None:
        bauds.add(board.baud)
    for baud in sorted(bauds):
        if clock_hz >= FEWEST_CYCLES * baud:
            options = "" if baud == bridge.usual(clock_hz) else f"--baud {baud}"
            serial = replace(board, station=None, baud=baud)
            yield Choice(options, f"UART, {baud / 1e6:g} Mbaud", serial)
    if board.phy is not None:
        rate = board.phy.bits_per_second // 1_000_000
        lan = replace(board, station=board.station or _ANYWHERE)
        yield Choice("--link ethernet", f"Ethernet, {rate} Mb/s", lan)
