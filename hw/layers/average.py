"""From sums over pixels to codes: the end of an average pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape, signed

from hw.layers.conv_integers import code_shape
from hw.layers.requantise import Requantise, ScalerKind, requantise_model


@dataclass(frozen=True)
class Average:
    """``y = clamp((sum * multiplier + offset + 2**(shift-1)) >> shift, low, high)``, all channels.

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
    offset : int
        0 if the multiplier is.
    """

    multiplier: int
    shift: int
    low: int
    high: int
    signed_output: bool = False
    offset: int = 0

    @property
    def o_shape(self) -> Shape:
        """Of a code."""
        return code_shape(self.signed_output)

    def model(self, sums: np.ndarray) -> np.ndarray:
        """Codes of an int64 array of sums."""
        scale = np.array([0]), np.array([self.multiplier]), self.shift, self.low, self.high
        return requantise_model(sums, *scale, self.offset)

    @property
    def bias(self) -> int:
        """What is added to sums for the offset; what it leaves is less than the multiplier."""
        return self.offset // self.multiplier if self.offset else 0

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
            [self.bias] * lanes,
            [self.multiplier] * lanes,
            shift=self.shift,
            low=self.low,
            high=self.high,
            lanes=lanes,
            i_shape=i_shape,
            o_shape=self.o_shape,
            scaler=scaler,
            offset=self.offset - self.bias * self.multiplier,
        )


def sum_shape(count: int, shape: Shape) -> Shape:
    """The narrowest signed shape of sums of so many values."""
    if shape.signed:
        return signed((count - 1).bit_length() + shape.width)
    return signed((count * ((1 << shape.width) - 1)).bit_length() + 1)
