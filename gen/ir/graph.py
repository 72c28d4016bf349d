"""The float network between import and quantisation: a graph of real-valued layers.

Ops and tensors share their names, as in :mod:`gen.ir.network`; pooling, concatenation and the final
sum carry no numbers, so they are the very same objects there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gen.common.errors import FirebrickError
from gen.ir.ops import INPUT, FloatConv, FloatOp, MaxPool
from gen.ir.preprocessing import Normalisation


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """A float network.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Height, width, channels.
    ops : tuple of FloatOp
        In topological order; the last one is a GlobalSum (the division is the host's).
    metadata : dict
        What the model file says of itself: mean, std, channel_order, labels.
    white : float or None
        Where the model file's own first nodes normalise pixels: what white is to them, 1 or 255.
    """

    name: str
    input_shape: tuple[int, int, int]
    ops: tuple[FloatOp, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    white: float | None = None

    @property
    def convs(self) -> tuple[FloatConv, ...]:
        """The convolutions, in order."""
        return tuple(op for op in self.ops if isinstance(op, FloatConv))

    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shape (height, width, channels) of every tensor.

        Raises
        ------
        FirebrickError
            Naming the first op whose inputs do not fit together or whose output is empty.
        """
        shapes = {INPUT: self.input_shape}
        for op in self.ops:
            inputs = [shapes[name] for name in op.inputs]
            if not op.match(inputs):
                raise FirebrickError(
                    f"{op.name}: its inputs have shapes {inputs}, which do not match"
                )
            shape = op.output_shape(inputs)
            if min(shape) < 1:
                raise FirebrickError(
                    f"model {self.name!r}: {op.name} has nothing left to compute on "
                    f"(output shape {shape}), the input of {self.input_shape} is too small; give "
                    "a larger one (--input-size H,W), or export the model for larger pictures"
                )
            shapes[op.name] = shape
        return shapes

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.shapes()[self.ops[-1].name][2]

    def nonnegative(self, *, pixels: bool = True) -> dict[str, bool]:
        """Whether each tensor is behind a ReLU, so that no value in it is below zero.

        ``pixels`` says whether that holds of the input too, as it does unless it is normalised.
        """
        known = {INPUT: pixels}
        for op in self.ops:
            known[op.name] = op.nonnegative(all(known[name] for name in op.inputs))
        return known

    @property
    def pixels(self) -> set[str]:
        """Tensors of pixels: the input, and max pools of it."""
        found = {INPUT}
        for op in self.ops:
            if isinstance(op, MaxPool) and found.issuperset(op.inputs):
                found.add(op.name)
        return found

    def fold_input(self, normalisation: Normalisation) -> FloatGraph:
        """The same network on raw RGB pixels.

        Mean, standard deviation and channel order go into the weights and the bias of the layers
        that read the input, or the largest pixels of it; where those pad, they now pad with the
        mean.

        Raises
        ------
        FirebrickError
            If something other than a convolution or a max pool reads pixels, a mean used as padding
            is no pixel value, or channels that share their weights have different deviations.
        """
        pixels = self.pixels
        ops = (op.on_pixels(normalisation) if pixels & {*op.inputs} else op for op in self.ops)
        return replace(self, ops=tuple(ops))
