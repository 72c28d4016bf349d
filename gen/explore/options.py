"""The options that say what is planned, as the command line has them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.explore.space import Space, Sweep, parse_fixed, parse_widths
from gen.formats.input_size import parse_size
from gen.plan.link import check_clock
from gen.plan.planner import check_constraints


def with_input_size(family: str | None, text: str | None) -> str | None:
    """Metaparameters with a size that the command line gives by itself.

    Raises
    ------
    FirebrickError
        If it is not understood or not square.
    """
    if text is None:
        return family
    height, width = parse_size(text)
    if height != width:
        raise FirebrickError(f"--input-size {text}: the family's input is square; give one number")
    return f"{family + ',' if family else ''}size={height}"


@dataclass(frozen=True)
class Choice:
    """What is planned.

    Attributes
    ----------
    boards : str
        Names with commas between them.
    sweeps : tuple of str
        As :meth:`gen.explore.space.Sweep.parse` takes them.
    family : str or None
        Metaparameters that are not swept.
    bits : str
        Widths of weights with commas between them.
    clock : float or None
        In MHz; each board's own if None.
    utilisation : float
        Part of the LUTs and flip-flops that may be planned with.
    """

    boards: str
    sweeps: tuple[str, ...]
    family: str | None
    bits: str
    clock: float | None
    utilisation: float

    def space(self) -> Space:
        """All that is to be planned.

        Raises
        ------
        FirebrickError
            If something is not understood, or cannot be for any point.
        """
        check_constraints(None, self.utilisation)
        names = self._board_names()
        return Space(
            sweeps=tuple(Sweep.parse(text) for text in self.sweeps),
            fixed=parse_fixed(self.family),
            boards=names,
            widths=parse_widths(self.bits),
            clock_hz=self._clock_hz(names),
            utilisation=self.utilisation,
        )

    def _board_names(self) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in self.boards.split(",")))
        for name in names:
            if name not in BOARDS:
                raise FirebrickError(f"unknown board {name!r}; known are {', '.join(BOARDS)}")
        return names

    def _clock_hz(self, names: tuple[str, ...]) -> int | None:
        if self.clock is None:
            return None
        if not isfinite(self.clock):
            raise FirebrickError(f"--clock takes a number of MHz, not {self.clock}")
        clock_hz = round(self.clock * 1e6)
        for name in names:
            check_clock(BOARDS[name], clock_hz)
        return clock_hz
