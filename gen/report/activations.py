"""What a network's tensors held for some frames, in numbers for people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Conv, Tensor


@dataclass(frozen=True)
class Held:
    """What a tensor held.

    Attributes
    ----------
    tensor : Tensor
    counts : tuple of int
        How often each of its codes occurred, the lowest first; nothing of class sums.
    decibels : float or None
        Signal-to-noise ratio; None where it is not known.
    weighed : bool
        Whether a layer with weights makes it.
    """

    tensor: Tensor
    counts: tuple[int, ...]
    decibels: float | None
    weighed: bool

    @property
    def name(self) -> str:
        """Of the tensor, and of the layer that makes it."""
        return self.tensor.name

    @cached_property
    def used(self) -> int:
        """Codes that occurred at all."""
        return sum(count > 0 for count in self.counts)

    @property
    def zeros(self) -> float:
        """Part of the codes that stand for zero."""
        return self._share(self.tensor.zero)

    @property
    def bottom(self) -> float:
        """Part of the codes that are the lowest, unless that one stands for zero."""
        low = self.tensor.low
        return self._share(low) if low < self.tensor.zero else 0.0

    @property
    def top(self) -> float:
        """Part of the codes that are the highest."""
        return self._share(self.tensor.high)

    @property
    def saturated(self) -> float:
        """Part of the codes beyond which there are no others, though values may be."""
        return self.bottom + self.top

    def _share(self, code: int) -> float:
        return self.counts[code - self.tensor.low] / sum(self.counts)


def held(network: QuantizedNetwork) -> tuple[Held, ...]:
    """What each tensor held, in the network's order; nothing if nobody has looked."""
    found = network.activations
    if found is None:
        return ()
    weighed = {op.name for op in network.ops if isinstance(op, Conv)}
    names = (INPUT, *(op.name for op in network.ops))
    return tuple(
        Held(
            network.tensors[name],
            found.counts.get(name, ()),
            found.decibels.get(name),
            name in weighed,
        )
        for name in names
    )


def noisiest(network: QuantizedNetwork) -> tuple[str, float] | None:
    """The layer of the lowest signal-to-noise ratio, and that; None where none is known."""
    found = network.activations
    ratios = {} if found is None else found.decibels
    least = min(ratios.items(), key=lambda item: item[1], default=None)
    return least if least is not None and isfinite(least[1]) else None
