"""Activation tensors."""

from __future__ import annotations

from dataclasses import dataclass

INPUT = "input"
"""Name of the tensor of raw pixels."""
BOARD = "board"
"""Where a plan has the costs of what is no layer, link, shell and clock: no op has this name."""

Shape = tuple[int, int, int]
"""Height, width, channels."""


@dataclass(frozen=True)
class Tensor:
    """An activation tensor: ``shape`` is (height, width, channels).

    A real value is ``(code - zero) * scale``. Other zeros than 0 come from quantised files.
    """

    name: str
    shape: tuple[int, int, int]
    scale: float
    signed: bool = False
    bits: int = 8
    zero: int = 0

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return (1 << (self.bits - self.signed)) - 1
