"""Depthwise convolutions: each channel has a kernel, a multiplier and an accumulator of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from boards.board import Family, Resources
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.ir.ops import Conv, Op, Tensor
from gen.nodes.conv import ConvNode, conv_integers
from gen.nodes.conv_cost import decoder_cost, requantise_cost, serialiser_cost, weight_cost
from gen.nodes.conv_shape import ConvShape
from gen.nodes.foldings import engine_options, fewest_lanes
from gen.nodes.option import Option, Surroundings
from gen.nodes.streams import Burst
from gen.nodes.windowed_cost import depthwise_cost, reading_cost
from hw.arith.mac import MacConfig, MultiplierKind
from hw.layers.conv_integers import code_shape
from hw.layers.depthwise import DepthwiseEngine
from hw.layers.folding import DepthwisePlan


@dataclass(frozen=True)
class DepthwiseShape(ConvShape):
    """Of a depthwise convolution: ``pe`` channels of a word are computed side by side."""

    def words(self, simd: int) -> int:
        """Taps of a window: cycles for a fold of an output pixel."""
        return self.kernel[0] * self.kernel[1]

    def products(self, pe: int, simd: int) -> int:
        """One a channel."""
        return pe

    def macs(self, kind: MultiplierKind, pe: int, simd: int) -> MacConfig:
        """Rows with an activation each."""
        bits = self.weight_bits, self.accumulator_bits
        return MacConfig(kind, pe, 1, *bits, self.symmetric, depthwise=True)


@dataclass(frozen=True, eq=False)
class DepthwiseNode(ConvNode):
    """A depthwise convolution with bias, requantisation and clamp."""

    Plan: ClassVar[type[Any]] = DepthwisePlan

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a convolution of each channel by itself."""
        return isinstance(op, Conv) and op.groups > 1

    @classmethod
    def make(
        cls, op: Op, inputs: tuple[Tensor, ...], output: Tensor, bursts: tuple[Burst, ...]
    ) -> DepthwiseNode:
        """As for every node."""
        assert isinstance(op, Conv)
        shape = ConvShape.of(op, inputs[0], output, bursts[0])
        values = {item.name: getattr(shape, item.name) for item in fields(shape)}
        own = DepthwiseShape(**{**values, "cin": op.channels})
        return cls(op, inputs, output, bursts, own)

    @property
    def window(self) -> None:
        """None: its windows are read a channel at a time."""
        return

    @property
    def pointwise(self) -> bool:
        """False: it has as many channels in front as behind."""
        return False

    def options(
        self, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        """For each number of folds the fewest channels side by side; all memories."""
        found: dict[int, tuple[int, int, int]] = {}
        for pe in range(1, self.shape.cout + 1):
            lanes = fewest_lanes(self.shape, pe, pe, around.o_lanes)
            if lanes is None:
                continue
            trial = _plan(pe=pe, window_pixels=self.shape.window_pixels, lanes=lanes)
            limits = self.shape.limits(trial, around.i_lanes[0])
            if all(limit <= cycles for _, limit in limits):
                found.setdefault(self.shape.folds(pe), (pe, pe, lanes))

        def price(plan: DepthwisePlan) -> Resources:
            return costs.on_family(self.cost(plan, around.i_lanes, family, costs), family)

        foldings = list(found.values())
        return engine_options(self.shape, foldings, _plan, price, around, cycles, family)

    def cost(self, plan: Any, feeds: Sequence[int], family: Family, costs: CostModel) -> Resources:
        """The whole engine."""
        shape, pe, lanes = self.shape, plan.pe, plan.lanes
        array, words = shape.macs(plan.multiplier, pe, pe), shape.words(pe)
        decoder = Resources(0, 8 * pe, 0, 0) if shape.decoded else Resources(0, 0, 0, 0)
        return total(
            [
                reading_cost(
                    costs,
                    plan.window_memory,
                    plan.window_pixels,
                    shape.chunks(pe),
                    pe,
                    padded=any(self.op.pad),
                ),
                costs.converter_cost(feeds[0], pe),
                weight_cost(costs, shape, pe, pe, plan.weight_memory),
                decoder_cost(shape, pe, pe),
                decoder,
                depthwise_cost(costs, array, code_shape(self.inputs[0].signed)),
                serialiser_cost(costs, array, lanes, words, decoded=shape.decoded),
                requantise_cost(costs, shape, lanes, plan.scale_memory, family),
            ]
        )

    def build(self, plan: DepthwisePlan, feeds: Sequence[int]) -> DepthwiseEngine:  # type: ignore[override]
        """The engine."""
        integers = conv_integers(self.op, self.inputs[0], self.output)
        return DepthwiseEngine(integers, plan, feeds[0])


def _plan(**values: Any) -> DepthwisePlan:
    """A plan of the fields of an engine's, whose ``simd`` is ``pe``."""
    values.pop("simd", None)
    memories = {"multiplier": "lut", "weight_memory": "lut", "window_memory": "lut"}
    return DepthwisePlan(**{**memories, **values})
