"""What every kind of op tells of itself, in floats and in integers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from gen.common.errors import RefusedNode
from gen.ir.ops.tensor import Shape, Tensor
from gen.ir.preprocessing import Normalisation

MOST_SHIFT = 47
MOST_MOVED = 1 << 24
"""Codes by which an offset may move an output, which real factors never come near."""


class Layer(ABC):
    """An op of either graph.

    Attributes
    ----------
    name : str
        Also of the tensor that it makes.
    inputs : tuple of str
    passes : bool
        It passes values on as they are, so that its inputs and its output share a scale.
    """

    name: str
    inputs: tuple[str, ...]
    passes: ClassVar[bool] = False

    @abstractmethod
    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Shape that it makes of its inputs'.

        Raises
        ------
        FirebrickError
            If its weights are for other inputs.
        """

    def match(self, inputs: Sequence[Shape]) -> bool:
        """Whether its inputs' shapes go together."""
        return len(set(inputs)) <= 1


class FloatLayer(Layer):
    """An op of a float graph."""

    def nonnegative(self, inputs: bool) -> bool:
        """Whether nothing that it makes is below zero, if that holds for its inputs or not."""
        return inputs

    def on_pixels(self, normalisation: Normalisation) -> Self:
        """The same on raw RGB pixels; where it pads, it then pads with the mean.

        Raises
        ------
        RefusedNode
            If it is no convolution of RGB, a mean used as padding is no pixel value, or channels
            that share their weights have different deviations.
        """
        raise RefusedNode(
            self.name,
            type(self).__name__,
            "reads the pixels themselves, which only convolutions and max pools can; put it behind "
            "the first convolution",
        )

    @abstractmethod
    def outline(self) -> IntegerLayer:
        """The quantised op, as far as it is known before its integers are."""


class IntegerLayer(Layer):
    """An op of a quantised network.

    Attributes
    ----------
    left_out : dict
        Values of fields at which files do not have them: files from before there were such fields,
        and digests, stay what they are.
    """

    left_out: ClassVar[Mapping[str, Any]] = {}

    @property
    def ratios(self) -> tuple[float, ...]:
        """Scales of its inputs as parts of its output's, as far as it says so."""
        return ()

    @property
    def format(self) -> int:
        """The oldest format of network files that can say it."""
        return 1

    def form_problems(self) -> Iterator[str]:
        """What keeps it from having an output at all."""
        if len(self.inputs) != 1:
            yield f"{self.name}: cannot read {len(self.inputs)} tensors"

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """What makes its codes mean something else than its tensors say.

        Parameters
        ----------
        inputs : sequence of Tensor
        y : Tensor
            Its output.
        """
        yield from wide_activations(self.name, (*inputs, y))


class Requantising(IntegerLayer):
    """An op that computes sums, and requantises them: it clamps to its ReLU, if any.

    Attributes
    ----------
    shift : int
        1 to 47.
    low, high : int
        The clamp.
    """

    shift: int
    low: int
    high: int

    @abstractmethod
    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """What its multipliers stand for, of its inputs' scales as parts of its output's."""

    @abstractmethod
    def requantised(self, multiplier: np.ndarray, shift: int, low: int, high: int) -> Self:
        """The same with other integers.

        Parameters
        ----------
        multiplier : uint16 array
            One for each factor.
        shift, low, high : int
        """

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Shift and clamp.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        if not (1 <= self.shift <= MOST_SHIFT and y.low <= self.low <= self.high <= y.high):
            yield (
                f"{self.name}: shift {self.shift} or clamp {self.low}..{self.high} out of range "
                f"for codes of {y.low}..{y.high}"
            )
        yield from super().problems(inputs, y)


class Passing(IntegerLayer):
    """An op that passes codes on."""

    passes: ClassVar[bool] = True

    @property
    def ratios(self) -> tuple[float, ...]:
        """All have one."""
        return (1.0,) * len(self.inputs)

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Scales or codes of zero that differ.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        kinds = sorted({(x.scale, x.signed) for x in (*inputs, y)})
        if len(kinds) != 1:
            yield f"{self.name}: joins tensors of different scales or signs {kinds}"
        zeros = sorted({x.zero for x in (*inputs, y)})
        if len(zeros) != 1:
            yield f"{self.name}: joins tensors of different codes of zero {zeros}"
        yield from super().problems(inputs, y)


def wide_activations(name: str, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Activations of an op that have other than 8 bits."""
    for tensor in tensors:
        if tensor.bits != 8:
            yield f"{name}: activation {tensor.name} must have 8 bits, not {tensor.bits}"


def zero_offset(multipliers: Sequence[int], shift: int, zeros: Sequence[int], zero: int) -> int:
    """What is added before a shift so that codes of zero give the output's code of zero.

    Parameters
    ----------
    multipliers : sequence of int
    shift : int
    zeros : sequence of int
        What each multiplier is multiplied by where all is zero.
    zero : int
        The output's code of it.
    """
    taken = sum(m * z for m, z in zip(multipliers, zeros, strict=True))
    return (zero << shift) - taken


def is_offset(offset: int, shift: int) -> bool:
    """Whether an offset moves codes of 8 bits by no more than a few of their ranges."""
    return abs(offset) >> shift < MOST_MOVED


def is_factor(multiplier: int) -> bool:
    """Whether a multiplier is one: an unsigned number of 16 bits."""
    return 0 <= multiplier < 1 << 16
