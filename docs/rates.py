"""Cells of the README's table: cycles and frames a second that a benchmark found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.results import Result


@dataclass(frozen=True)
class Rates:
    """What benchmarks found.

    Attributes
    ----------
    results : mapping of Result
        By the benchmark's name.
    """

    results: Mapping[str, Result]

    def rate(self, benchmark: str, case: str, *, bold: bool = False) -> str:
        """Cycles a frame as planned and as simulated, and frames a second of the latter.

        Parameters
        ----------
        benchmark, case : str
        bold : bool
            Whether the rate is to be seen first.

        Raises
        ------
        KeyError
            If the benchmark has no such case.
        """
        found = self._case(benchmark, case)
        planned, simulated = found["planned"], found["simulated"]
        rate = str(found["clock_hz"] // simulated)
        return f"{grouped(planned)} / {grouped(simulated)} | {f'**{rate}**' if bold else rate}"

    def alone(self, benchmark: str, case: str) -> str:
        """Cycles of a frame that comes alone, and frames a second then.

        Parameters
        ----------
        benchmark, case : str

        Raises
        ------
        KeyError
            If the benchmark has no such case.
        """
        found = self._case(benchmark, case)
        cycles = found["latency"]
        told = f"{grouped(cycles)} from first byte to last score"
        return f"{told} | {found['clock_hz'] // cycles}"

    def _case(self, benchmark: str, case: str) -> dict[str, Any]:
        figures = self.results[benchmark].figures
        found: dict[str, Any] = figures.get("large", figures)[case]
        return found


def grouped(number: int) -> str:
    """With a space between thousands."""
    return f"{number:,}".replace(",", " ")
