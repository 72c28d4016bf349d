"""How many channels a transfer carry a tensor in time."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from gen.ir.ops import Tensor


class TooSlow(Exception):
    """No lane count carries a tensor in time."""


def values(tensor: Tensor) -> int:
    """Values of a tensor: pixels times channels."""
    height, width, channels = tensor.shape
    return height * width * channels


def pixels(tensor: Tensor) -> int:
    """Pixels of a tensor."""
    return tensor.shape[0] * tensor.shape[1]


def divisors(n: int) -> list[int]:
    """All divisors, smallest first."""
    return [d for d in range(1, n + 1) if n % d == 0]


def fewest(tensor: Tensor, cycles: int, among: int, meets: Iterable[int] = ()) -> int:
    """Smallest divisor of ``among`` that carries a tensor in time, also to lanes ``meets``.

    Parameters
    ----------
    tensor : Tensor
    cycles : int
        A frame.
    among : int
    meets : iterable of int
        A converter between two numbers of lanes works at their greatest common divisor.

    Raises
    ------
    TooSlow
        If there is none.
    """
    for lanes in divisors(among):
        slowest = min([lanes, *(gcd(lanes, other) for other in meets)])
        if values(tensor) <= cycles * slowest:
            return lanes
    raise TooSlow(tensor.name)


def converter(tensor: Tensor, i_lanes: int, o_lanes: int) -> int:
    """Cycles a frame of a lane converter.

    Parameters
    ----------
    tensor : Tensor
        That passes it.
    i_lanes, o_lanes : int
        Channels a transfer on either side.
    """
    return values(tensor) // gcd(i_lanes, o_lanes)
