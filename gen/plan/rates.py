"""How many frames a second each link of a board carries, raw and coded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from boards.board import Board, Station
from gen.ir.network import QuantizedNetwork
from gen.plan.link import link_frames_per_second
from hw.frames.pipeline import slots
from hw.link.uart import FEWEST_CYCLES
from protocol.coding.rules import COLOURS, Shape, Steps
from protocol.packets import UDP_PORT

COARSEST = Steps(2, 4)
"""The largest steps with which 97 % of photographs keep their class (``docs/coding.md``)."""
LARGE = 100
"""Rows and columns from which a photograph's neighbouring pixels are much alike."""
_PARTS = {
    (True, True): (0.44, 0.31),
    (False, True): (0.55, 0.38),
    (True, False): (0.52, 0.42),
    (False, False): (0.68, 0.56),
}
"""Part of a photograph's bytes that is left without loss, and with the largest steps; by whether
the frame is large, and in colour. ``python -m bench coding`` measures 224x224 and 32x32 pixels."""
_ANYWHERE = Station(IPv4Address("192.168.1.50"), 0x0246_C0A8_0132, UDP_PORT)


def typical_part(shape: Shape, steps: Steps) -> float:
    """Part of a photograph's bytes that is left of it coded.

    Parameters
    ----------
    shape : (height, width, channels)
    steps : Steps
        Without loss, or :data:`COARSEST`.
    """
    lossless, coarsest = _PARTS[min(shape[:2]) >= LARGE, shape[2] == COLOURS]
    return lossless if steps.lossless else coarsest


@dataclass(frozen=True)
class Rates:
    """Frames a second over a link.

    Attributes
    ----------
    raw : float
    lossless, coarsest : float
        Of photographs, coded without loss and with the largest steps that the host takes by
        itself; a board that takes coded frames takes raw ones too.
    """

    raw: float
    lossless: float
    coarsest: float

    @staticmethod
    def of(network: QuantizedNetwork, board: Board, clock_hz: int) -> Rates:
        """Those over a board's link.

        Parameters
        ----------
        network : QuantizedNetwork
        board : Board
        clock_hz : int
            Of the decoder.
        """
        shape = network.input.shape
        decoded = clock_hz / (shape[0] * shape[1] * slots(shape))
        raw = link_frames_per_second(network, board)
        lossless, coarsest = (
            link_frames_per_second(network, board, part=typical_part(shape, steps))
            for steps in (Steps(), COARSEST)
        )
        return Rates(raw, max(raw, min(lossless, decoded)), max(raw, min(coarsest, decoded)))

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
