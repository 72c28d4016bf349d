"""The points of a sweep: members of the family, widths of weights, boards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from itertools import product
from math import floor, isfinite, prod
from typing import Any

from gen.common.errors import FirebrickError
from gen.formats.family import BYPASSES, Family
from gen.ir.widths import Width, Widths

Value = int | float | str
"""Of a metaparameter."""
KINDS = {field.name: str(field.type) for field in fields(Family)}
"""Of the family's metaparameters: ``"int"``, ``"float"`` or ``"str"``."""
MOST_POINTS = 10_000
DIGITS = 6
"""Significant ones of values between a sweep's ends."""


@dataclass(frozen=True)
class Sweep:
    """The values that a metaparameter takes.

    Attributes
    ----------
    key : str
    values : tuple of int, float or str
    """

    key: str
    values: tuple[Value, ...]

    @staticmethod
    def parse(text: str, option: str = "--sweep") -> Sweep:
        """Values from text like ``sr=0.125:1.0:8``, first, last and how many, or ``sr=0.25,0.5``.

        Raises
        ------
        FirebrickError
            If it says something else, or names no metaparameter.
        """
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not values:
            raise FirebrickError(
                f"{option} {text!r}: write NAME=FIRST:LAST:COUNT, like sr=0.125:1.0:8, "
                "or NAME=A,B,C"
            )
        if key not in KINDS:
            raise FirebrickError(f"{option} {text}: no {key!r}; there are {', '.join(KINDS)}")
        where = f"{option} {text}"
        if ":" in values:
            return Sweep(key, _range(key, values, where))
        items = tuple(_value(key, item.strip(), where) for item in values.split(","))
        return Sweep(key, tuple(dict.fromkeys(items)))


@dataclass(frozen=True)
class Point:
    """What is planned: one network, on one board.

    Attributes
    ----------
    board : str
    width : Width
        Of weights.
    member : tuple
        Every metaparameter of the family, by name; perhaps there is no such member.
    clock_hz : int or None
        The board's own if None.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with.
    """

    board: str
    width: Width
    member: tuple[tuple[str, Value], ...]
    clock_hz: int | None
    utilisation: float

    @property
    def values(self) -> dict[str, Value]:
        """The metaparameters by name."""
        return dict(self.member)

    def family(self) -> Family:
        """The member of the family.

        Raises
        ------
        FirebrickError
            If there is none.
        """
        values: dict[str, Any] = self.values
        return Family(**values)

    def to_json(self) -> dict[str, Any]:
        """All that tells it from others, as plain data."""
        return {**asdict(self), "width": str(self.width), "member": self.values}


@dataclass(frozen=True)
class Space:
    """All that is to be planned.

    Attributes
    ----------
    sweeps : tuple of Sweep
        Each of a metaparameter of its own.
    fixed : dict
        Metaparameters that are not swept; the others are SqueezeNet's own.
    boards : tuple of str
    widths : tuple of Width
    clock_hz : int or None
    utilisation : float

    Raises
    ------
    FirebrickError
        If a metaparameter is given twice, or there are too many points.
    """

    sweeps: tuple[Sweep, ...]
    fixed: dict[str, Value]
    boards: tuple[str, ...]
    widths: tuple[Width, ...]
    clock_hz: int | None
    utilisation: float

    def __post_init__(self) -> None:
        keys = [*self.fixed, *self.swept]
        for key in keys:
            if keys.count(key) > 1:
                raise FirebrickError(f"{key} is given twice, in --sweep or --family; leave one out")
        count = prod(len(axis) for axis in self._axes())
        if count > MOST_POINTS:
            raise FirebrickError(
                f"the sweep has {count} points, and at most {MOST_POINTS} are planned; "
                "take fewer values"
            )

    @property
    def swept(self) -> tuple[str, ...]:
        """The metaparameters that are swept."""
        return tuple(sweep.key for sweep in self.sweeps)

    def points(self) -> Iterator[Point]:
        """Every combination: boards, then widths, then the sweeps in their order."""
        usual = asdict(Family()) | self.fixed
        for board, width, *values in product(*self._axes()):
            member = usual | dict(zip(self.swept, values, strict=True))
            yield Point(board, width, tuple(member.items()), self.clock_hz, self.utilisation)

    def _axes(self) -> list[Sequence[Any]]:
        return [self.boards, self.widths, *(sweep.values for sweep in self.sweeps)]


def parse_fixed(text: str | None) -> dict[str, Value]:
    """Metaparameters from text like ``base_e=64,bypass=simple``.

    Raises
    ------
    FirebrickError
        If it says something else, or one of them twice.
    """
    fixed: dict[str, Value] = {}
    for item in text.split(",") if text is not None else ():
        sweep = Sweep.parse(item.strip(), "--family")
        if len(sweep.values) > 1:
            raise FirebrickError(f"--family {item}: one value each; sweep it with --sweep {item}")
        if sweep.key in fixed:
            raise FirebrickError(f"--family {item}: {sweep.key} is given twice; leave one out")
        fixed[sweep.key] = sweep.values[0]
    return fixed


def parse_widths(text: str) -> tuple[Width, ...]:
    """Widths from text like ``4,8`` or ``3c,4``.

    Raises
    ------
    FirebrickError
        If it says something else.
    """
    widths = []
    for item in text.split(","):
        try:
            width = Widths.parse(item.strip()).all
        except FirebrickError as error:
            raise FirebrickError(str(error).replace("--weight-bits", "--bits")) from None
        if width is None:
            raise FirebrickError(f"--bits {text}: takes bits for all layers, like 4,8 or 3c,4")
        widths.append(width)
    return tuple(dict.fromkeys(widths))


def _range(key: str, text: str, where: str) -> tuple[Value, ...]:
    """Evenly spaced values, both ends included."""
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 3:
        raise FirebrickError(f"{where}: a range is FIRST:LAST:COUNT, like 0.125:1.0:8")
    if KINDS[key] == "str":
        raise FirebrickError(f"{where}: {key} takes words, like {key}={','.join(BYPASSES)}")
    count = _value("size", parts[2], where, "COUNT")
    if not isinstance(count, int) or not 2 <= count <= MOST_POINTS:
        raise FirebrickError(f"{where}: COUNT is 2 to {MOST_POINTS}; for one value, {key}=VALUE")
    first, last = (Fraction(str(_value(key, part, where))) for part in parts[:2])
    steps = (first + (last - first) * index / (count - 1) for index in range(count))
    if KINDS[key] == "int":
        values: list[Value] = [floor(step + Fraction(1, 2)) for step in steps]
    else:
        values = [float(f"{float(step):.{DIGITS}g}") for step in steps]
    return tuple(dict.fromkeys(values))


def _value(key: str, text: str, where: str, name: str | None = None) -> Value:
    """One value of a metaparameter, of its kind but perhaps out of its range."""
    kind = KINDS[key]
    if kind == "str":
        if text not in BYPASSES:
            raise FirebrickError(f"{where}: {key} takes {', '.join(BYPASSES)}, not {text!r}")
        return text
    try:
        number = int(text) if kind == "int" else float(text)
        finite = isfinite(number)
    except (ValueError, OverflowError):
        finite = False
    if not finite:
        what = "whole numbers" if kind == "int" else "numbers"
        raise FirebrickError(f"{where}: {name or key} takes {what}, not {text!r}")
    return number
