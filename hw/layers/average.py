"""From sums over pixels to codes: the end of an average pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape, signed

from hw.layers.conv_integers import code_shape
from hw.layers.requantise import Requantise, ScalerKind, requantise_model


@dataclass(frozen=True)
class Average:
    """``y = clamp((sum * multiplier + 2**(shift-1)) >> shift, low, high)`` for all channels.

    The multiplier contains the division by the number of pixels.

    Attributes
    ----------
    multiplier : int
        Unsigned, of 16 bits.
    shift : int
        1 to 47.
    low, high : int
        The clamp.
    signed_output : bool
    """

    multiplier: int
    shift: int
    low: int
    high: int
    signed_output: bool = False

    @property
    def o_shape(self) -> Shape:
        """Of a code."""
        return code_shape(self.signed_output)

    def model(self, sums: np.ndarray) -> np.ndarray:
        """Codes of an int64 array of sums."""
        scale = np.array([0]), np.array([self.multiplier]), self.shift, self.low, self.high
        return requantise_model(sums, *scale)

    def requantise(self, lanes: int, i_shape: Shape, scaler: ScalerKind) -> Requantise:
        """The hardware: every transfer has the same constants.

        Parameters
        ----------
        lanes : int
        i_shape : Shape
            Of a sum.
        scaler : "dsp48e1" or "inferred"
        """
        return Requantise(
            [0] * lanes,
            [self.multiplier] * lanes,
            shift=self.shift,
            low=self.low,
            high=self.high,
            lanes=lanes,
            i_shape=i_shape,
            o_shape=self.o_shape,
            scaler=scaler,
        )


def sum_shape(count: int, shape: Shape) -> Shape:
    """The narrowest signed shape of sums of so many values."""
    if shape.signed:
        return signed((count - 1).bit_length() + shape.width)
    return signed((count * ((1 << shape.width) - 1)).bit_length() + 1)
