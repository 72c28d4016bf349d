"""Places for IP cores: a part, or a share of it, in the place of a board."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import NoReturn

from boards.board import Board, Resources
from boards.parts import Part
from hw.arith.mult18 import Mult18x18d
from hw.stream.dp16kd import Dp16kd
from hw.stream.ramb import Ramb

DEFAULT_HZ = 100_000_000
"""Clock of a core unless asked otherwise."""
KEYS = {"lut": "lut", "ff": "ff", "dsp": "dsp", "bram": "bram36"}
"""What a budget may name, and which resource that is."""


class Ramb7Series:
    """What is special to a chip where hardware is elaborated without a board: its block RAM."""

    block_ram = Ramb


class Dp16kdEcp5:
    """The same of an ECP5."""

    block_ram = Dp16kd
    multiplier = Mult18x18d


CHIPS = {"xc7": Ramb7Series, "ecp5": Dp16kdEcp5}
"""By family."""


def no_platform() -> NoReturn:
    """Nothing: an IP core has no pads, and nobody asks for its platform."""
    raise AssertionError("an IP core has no platform")


def share_of(part: Part, budget: str, utilisation: float) -> Resources:
    """What of a part a core may take.

    Parameters
    ----------
    part : Part
    budget : str
        Such as ``lut=0.6,dsp=200,bram=100``: numbers, or parts of what there is where they have a
        point and are 1 or less. All DSP blocks and block RAMs where they are not named.
    utilisation : float
        Part of the LUTs and flip-flops where these are not named.

    Raises
    ------
    ValueError
        If the budget cannot be understood, or is more than there is.
    """
    held = part.resources
    usable = replace(held, lut=int(held.lut * utilisation), ff=int(held.ff * utilisation))
    found: dict[str, float] = {}
    for entry in filter(None, budget.split(",")):
        key, _, value = entry.partition("=")
        name = KEYS.get(key.strip())
        if name is None or name in found:
            told = "twice" if name else "which is unknown"
            raise ValueError(f"budget has {entry!r}, {told}; it takes {', '.join(KEYS)}, once each")
        found[name] = _amount(entry, value.strip(), getattr(held, name))
    whole = {name: int(value) for name, value in found.items() if name != "bram36"}
    blocks = found.get("bram36", usable.bram36)
    return replace(usable, bram36=int(2 * blocks) / 2, **whole)


def _amount(entry: str, text: str, held: float) -> float:
    """What one entry of a budget stands for."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0:
        raise ValueError(f"budget has {entry!r}; it takes a number, such as 100 or 0.5")
    if "." in text and value <= 1:
        value *= held
    if value > held:
        raise ValueError(f"budget has {entry!r}, and the part has {held:g}")
    return value


def core_target(
    part: Part,
    resources: Resources,
    beat_bits: int,
    clock_hz: int = DEFAULT_HZ,
    *,
    keyed: bool = False,
) -> Board:
    """A place for an IP core, as the planner takes it.

    Parameters
    ----------
    part : Part
    resources : Resources
        What it may take of that part.
    beat_bits : int
        Width of its stream of pixels.
    clock_hz : int
    keyed : bool
        Whoever gives it new contents needs its key; only of a network that can have such.
    """
    return Board(
        name=part.name,
        title=part.title,
        part=part.name,
        loader="",
        idcode=0,
        resources=resources,
        clock_hz=clock_hz,
        baud=0,
        platform=no_platform,
        family=part.family,
        beat_bits=beat_bits,
        keyed=keyed,
    )
