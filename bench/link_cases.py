"""Networks at the end of lines, for :mod:`bench.link`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.coding import squeezenet
from boards import BOARDS
from boards.board import Board
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.link_options import Address, on_lan
from gen.plan.planner import UTILISATION
from protocol.coding.rules import Steps
from tests.networks import NetworkBuilder

ARTY = BOARDS["arty_a7"]


@dataclass(frozen=True)
class Case:
    """A network at the end of a line, and how many frames to send.

    Attributes
    ----------
    title : str
    network : callable
        Makes it; gets the folder with models and photographs.
    board : Board
    frames : int
    clock_hz : int or None
        The board's if None.
    steps : tuple of Steps
        Photographs are sent, coded with each of these in turn; random frames, raw, if there are
        none.
    utilisation : float
        As :func:`gen.plan.planner.plan` takes it.
    """

    title: str
    network: Callable[[Path], QuantizedNetwork]
    board: Board
    frames: int
    clock_hz: int | None = None
    steps: tuple[Steps, ...] = ()
    utilisation: float = UTILISATION


def light_network(size: int = 64, classes: int = 5) -> QuantizedNetwork:
    """Large pictures and little work: every pixel is taken as fast as it can come."""
    net = NetworkBuilder((size, size, 3), 1)
    x = net.conv("conv1", INPUT, 4, 3, stride=2)
    x = net.conv("conv2", x, classes, 1, signed=True)
    return net.finish("light", x)


def same_frames_network() -> QuantizedNetwork:
    """Frames and results as long as the default's, and little work."""
    return light_network(32, 10)


def photographs_network() -> QuantizedNetwork:
    """Frames and results as long as SqueezeNet's, and little work."""
    return light_network(224, 1000)


def v1_1_network(shared: Path) -> QuantizedNetwork:
    """SqueezeNet v1.1 with weights of 4 bits, and 8 in the first layer."""
    return squeezenet(shared, "4,conv1=8")


GENESYS = BOARDS["genesys2"]
LAN = on_lan(ARTY, Address())
CODED_UART = replace(ARTY, baud=12_000_000, coded=True)
CODED_LAN = replace(LAN, coded=True)
FAST_CLOCK = 125_000_000
"""Hz at which the shell, which takes a byte a cycle, is faster than a line of 1 Gb/s."""
CASES = (
    Case(
        "light, UART at 3 Mbaud", lambda _: same_frames_network(), replace(ARTY, baud=3_000_000), 4
    ),
    Case(
        "light, UART at 12 Mbaud",
        lambda _: same_frames_network(),
        replace(ARTY, baud=12_000_000),
        8,
    ),
    Case("light, UDP at 100 Mb/s", lambda _: light_network(), LAN, 20),
    Case("light, UDP at 1 Gb/s", lambda _: light_network(), on_lan(GENESYS, Address()), 40),
    Case(
        "light, 1 Gb/s, 125 MHz",
        lambda _: light_network(),
        on_lan(GENESYS, Address()),
        40,
        FAST_CLOCK,
    ),
    Case("default, UDP at 100 Mb/s", lambda _: default_network(), LAN, 20),
    Case(
        "light 224, UDP at 100 Mb/s",
        lambda _: photographs_network(),
        CODED_LAN,
        8,
        steps=(Steps(), Steps(2, 4)),
    ),
    Case(
        "v1.1, UDP at 100 Mb/s",
        v1_1_network,
        CODED_LAN,
        8,
        steps=(Steps(), Steps(1, 4)),
        utilisation=0.9,
    ),
    Case(
        "v1.1, UART at 12 Mbaud",
        v1_1_network,
        CODED_UART,
        4,
        steps=(Steps(1, 4), Steps(2, 4), Steps(4, 4)),
        utilisation=0.85,
    ),
)
"""Each board is planned, compiled and then simulated; those of v1.1 take some minutes."""
