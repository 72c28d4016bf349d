"""Concatenations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gen.ir.ops.layer import FloatLayer, Passing
from gen.ir.ops.tensor import Shape


@dataclass(frozen=True)
class Concat(Passing, FloatLayer):
    """Concatenation along channels of tensors that share one scale."""

    name: str
    inputs: tuple[str, ...]

    def outline(self) -> Concat:
        """Itself."""
        return self

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """All channels of its inputs."""
        height, width, _ = inputs[0]
        return height, width, sum(shape[2] for shape in inputs)

    def match(self, inputs: Sequence[Shape]) -> bool:
        """Whether its inputs' maps are of one size."""
        return len({shape[:2] for shape in inputs}) <= 1

    def form_problems(self) -> Iterator[str]:
        """Too few inputs."""
        if not self.inputs:
            yield f"{self.name}: cannot read 0 tensors"
