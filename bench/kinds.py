"""A network with every kind of layer, to count what each takes; it classifies nothing."""

from __future__ import annotations

from dataclasses import replace

from gen.explore.network import drawn_integers
from gen.formats.random_weights import blank, with_random_weights
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    INPUT,
    Concat,
    FloatAdd,
    FloatAveragePool,
    FloatConv,
    FloatOp,
    GlobalSum,
    MaxPool,
)
from gen.ir.widths import Width

SIZE = 64
CLASSES = 100
FIRST = 24
BLOCKS = ((32, 3, 1), (48, 3, 2), (96, 5, 1), (64, 3, 1))
"""Depthwise blocks: channels behind each, and the kernel and the stride of its depthwise layer."""


def kinds(bits: int) -> QuantizedNetwork:
    """The network with weights of so many bits, drawn at random."""
    ops = [blank("conv1", INPUT, (FIRST, 3, 3, 3), stride=2, pad=1)]
    channels, outline = FIRST, list[FloatOp](ops)
    for number, (behind, kernel, stride) in enumerate(BLOCKS, start=2):
        outline += _block(number, outline[-1].name, (channels, behind), kernel, stride)
        channels = behind
    outline += [*_branches(outline[-1].name), *_sums("joined"), *_head("halves")]
    graph = FloatGraph("kinds", (SIZE, SIZE, 3), tuple(outline))
    return drawn_integers(with_random_weights(graph, seed=0), Width(bits))


def _depthwise(name: str, x: str, channels: int, kernel: int, stride: int = 1) -> FloatConv:
    outline = blank(name, x, (channels, kernel, kernel, 1), stride=stride, pad=kernel // 2)
    return replace(outline, groups=channels)


def _block(
    number: int, x: str, channels: tuple[int, int], kernel: int, stride: int
) -> tuple[FloatOp, ...]:
    """A depthwise layer and a 1x1, from ``channels[0]`` to ``channels[1]``."""
    depthwise = _depthwise(f"depthwise{number}", x, channels[0], kernel, stride)
    pointwise = blank(f"pointwise{number}", depthwise.name, (channels[1], 1, 1, channels[0]))
    return depthwise, pointwise


def _branches(x: str) -> tuple[FloatOp, ...]:
    """What reads a map of 64 channels side by side, with ``joined`` of 160 at the end."""
    parts = ("one", "projection", "mean", "maximum5")
    return (
        blank("one", x, (16, 1, 1, 64)),
        MaxPool("maximum3", (x,), 3, 1, pad=(1,) * 4),
        blank("projection", "maximum3", (16, 1, 1, 64)),
        FloatAveragePool("mean", (x,), 3, 1, (1,) * 4),
        MaxPool("maximum5", (x,), 5, 1, pad=(2,) * 4),
        Concat("joined", parts),
    )


def _sums(x: str) -> tuple[FloatOp, ...]:
    """A residual block, and the sum of two pools of it, ``halves``."""
    return (
        blank("mix", x, (48, 1, 1, 160)),
        blank("residual", "mix", (48, 3, 3, 48), pad=1),
        FloatAdd("sum", ("mix", "residual"), relu=True),
        MaxPool("maximum_half", ("sum",), 3, 2, pad=(1,) * 4),
        FloatAveragePool("mean_half", ("sum",), 2, 2),
        FloatAdd("halves", ("maximum_half", "mean_half")),
    )


def _head(x: str) -> tuple[FloatOp, ...]:
    """A pool without overlap, the average of a whole map, and a fully connected layer."""
    return (
        MaxPool("pool", (x,), 2, 2),
        _depthwise("depthwise6", "pool", 48, 3),
        FloatAveragePool("whole", ("depthwise6",), 4, 1),
        replace(blank("classes", "whole", (CLASSES, 1, 1, 48)), relu=False),
        GlobalSum("scores", ("classes",)),
    )
