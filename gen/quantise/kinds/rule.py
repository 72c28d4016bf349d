"""What the quantiser knows of a kind of layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.fixed_point import fixed_point
from gen.ir.ops import Op, Requantising, Tensor

F = TypeVar("F")
I = TypeVar("I")  # noqa: E741  # the integer op of the float op F


class Rule(ABC, Generic[F, I]):
    """A kind of layer on arrays (N, H, W, C), and the way from its float op to its integer op.

    The integers agree with the golden model, which shares no code with them. They are held in
    floating point, where BLAS is fast and every sum here exact.
    """

    @abstractmethod
    def real(self, op: F, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Its output in float32."""

    @abstractmethod
    def codes(self, op: I, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
        """Codes that it gives for codes.

        Parameters
        ----------
        op
        inputs : codes of its inputs
        x, y : Tensor
            The first input and the output.
        """

    @abstractmethod
    def back(
        self, op: F, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """Gradient by each input.

        Parameters
        ----------
        op
        inputs : float32 arrays (N, H, W, C)
        y, slope : float32 array
            Its output and the gradient by it.
        """

    @abstractmethod
    def integers(self, op: F, tensors: Mapping[str, Tensor]) -> Op:
        """The integer op, of the scales of its inputs and its output.

        Raises
        ------
        FirebrickError
            If they are too far apart to requantise.
        """


def requantised(op: Requantising, total: np.ndarray, y: Tensor) -> np.ndarray:
    """Codes of sums times multipliers, float64, which are overwritten.

    Parameters
    ----------
    op : Requantising
    total : float64 array
    y : Tensor
        Its output.
    """
    total += 2.0 ** (op.shift - 1)
    total *= 2.0**-op.shift
    np.clip(np.floor(total, out=total), op.low, op.high, out=total)
    return total.astype(np.int8 if y.signed else np.uint8)


def factors(name: str, scales: Any) -> tuple[tuple[int, ...], int]:
    """Multipliers of 16 bits, and their shift, for real factors.

    Raises
    ------
    FirebrickError
        If they are too far apart; names the layer.
    """
    try:
        multipliers, shift = fixed_point(np.array(scales))
    except ValueError as error:
        raise FirebrickError(f"{name}: {error}") from None
    return tuple(map(int, multipliers)), shift
