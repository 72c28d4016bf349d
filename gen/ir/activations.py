"""What the tensors of a network held for some frames: it decides nothing, and is for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite, log10
from typing import Any

from gen.ir.ops import Tensor

DIGITS = 2
"""Of decibels, behind the point: what is left out differs between processors."""


@dataclass(frozen=True)
class Activations:
    """How often each code occurs, and how near to a float network's values the codes are.

    Attributes
    ----------
    frames : int
        That were looked at.
    counts : dict of tuple of int
        By tensor, all but the class sums: how often each of its codes occurred, the lowest first.
    decibels : dict of float
        By tensor, as far as it is known: the signal-to-noise ratio of its real values against the
        float network's on the same frames; infinite where nothing differs.
    """

    frames: int
    counts: dict[str, tuple[int, ...]]
    decibels: dict[str, float]

    def to_entry(self) -> dict[str, Any]:
        """All of it as plain data for JSON, which knows no infinity."""
        return {
            "frames": self.frames,
            "counts": self.counts,
            "decibels": {name: finite(value) for name, value in self.decibels.items()},
        }

    @staticmethod
    def of(entry: dict[str, Any]) -> Activations:
        """Read :meth:`to_entry` back; whatever is wrong raises as it happens to."""
        counts = {name: tuple(row) for name, row in entry["counts"].items()}
        ratios = entry["decibels"].items()
        decibels = {name: inf if value is None else float(value) for name, value in ratios}
        return Activations(entry["frames"], counts, decibels)

    def problems(self, tensors: Mapping[str, Tensor], output: str) -> Iterator[str]:
        """What does not fit a network.

        Parameters
        ----------
        tensors : mapping of Tensor
            All of the network's.
        output : str
            The one of class sums.
        """
        if not _is_count(self.frames) or self.frames < 1:
            yield f"activations: of {self.frames!r} frames"
        if self.counts.keys() != tensors.keys() - {output}:
            yield "activations: counts of other tensors than the network has"
            return
        for name in self.counts:
            yield from self._miscounted(tensors[name])
        for name, value in self.decibels.items():
            if name not in tensors or not value > -inf:
                yield f"activations: {value} dB for {name}"

    def _miscounted(self, tensor: Tensor) -> Iterator[str]:
        """What is wrong with a tensor's counts."""
        counts, (height, width, channels) = self.counts[tensor.name], tensor.shape
        if len(counts) != 1 << tensor.bits or not all(map(_is_count, counts)):
            yield f"activations: counts of {tensor.name} are not one for each of its codes"
        elif sum(counts) != self.frames * height * width * channels:
            yield f"activations: counts of {tensor.name} are not of {self.frames} frames"


def decibels(signal: float, noise: float) -> float | None:
    """A signal-to-noise ratio in dB; infinite without noise, None without a signal.

    Parameters
    ----------
    signal, noise : float
        Sums of squares.
    """
    if not signal:
        return None
    return 10 * log10(signal / noise) if noise else inf


def finite(value: float) -> float | None:
    """A number as JSON has it: nothing in the place of infinity."""
    return value if isfinite(value) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
