"""Networks of known shapes at their full size, with weights where there are some.

ZynqNet: D. Gschwend, "ZynqNet: an FPGA-accelerated embedded convolutional neural network", 2016.
Its squeeze layers shrink the map, it has no pools, and its last layer comes in two halves.

SqueezeNet v1.1 and the bypasses: F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x
fewer parameters and <0.5MB model size", arXiv:1602.07360, and the authors' own model of v1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gen.common.errors import FirebrickError
from gen.formats.family import Family
from gen.formats.random_weights import blank, with_random_weights
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Concat, FloatAdd, FloatConv, FloatOp, GlobalSum, MaxPool

BYPASSES = ("none", "simple", "complex")
ZYNQNET_FIRES = (
    (16, 64, 3),
    (16, 64, 1),
    (32, 128, 3),
    (32, 128, 1),
    (64, 256, 3),
    (64, 192, 1),
    (112, 256, 3),
    (112, 368, 1),
)
"""Of fire2 to fire9: squeeze channels, channels of each branch, and the squeeze kernel's side; one
of 3 has stride 2."""
V1_1_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Of fire2 to fire9: squeeze channels, and channels of each branch."""
V1_1_POOLS = (3, 5)
"""Fire modules with a pool behind them; the first pool is behind conv1."""


def zynqnet(seed: int = 0) -> FloatGraph:
    """ZynqNet on 256x256 pixels with random weights; 1000 of its 1024 outputs are classes."""
    ops: list[FloatOp] = [blank("conv1", INPUT, (64, 3, 3, 3), stride=2, pad=1)]
    channels = 64
    for number, (squeeze, expand, kernel) in enumerate(ZYNQNET_FIRES, start=2):
        ops += _fire(number, ops[-1].name, (channels, squeeze, expand), kernel)
        channels = 2 * expand
    x, halves = ops[-1].name, ("conv10_1", "conv10_2")
    ops += [replace(blank(name, x, (512, 1, 1, channels)), relu=False) for name in halves]
    ops += [Concat("conv10", halves), GlobalSum("pool10", ("conv10",))]
    return with_random_weights(FloatGraph("zynqnet", (256, 256, 3), tuple(ops)), seed)


def squeezenet(
    version: str = "1.1",
    bypass: str = "none",
    weights: FloatGraph | None = None,
    seed: int = 0,
) -> FloatGraph:
    """SqueezeNet v1.0 or v1.1 on 224x224 pixels, with bypasses around its Fire modules.

    Parameters
    ----------
    version : "1.0" or "1.1"
    bypass : "none", "simple" or "complex"
    weights : FloatGraph or None
        The network without bypasses, as it was imported, whose weights and size are kept; random
        ones if None. The convolutions of complex bypasses are random in any case.
    seed : int
        Of what is random.

    Raises
    ------
    FirebrickError
        If there is no such version or bypass.
    """
    if version not in ("1.0", "1.1"):
        raise FirebrickError(f"no SqueezeNet v{version} is known; choose 1.0 or 1.1")
    if weights is None:
        weights = Family().graph(seed=seed) if version == "1.0" else _v1_1(seed)
    return with_bypasses(weights, bypass, seed)


def with_bypasses(graph: FloatGraph, bypass: str, seed: int = 0) -> FloatGraph:
    """A network with ways around its Fire modules that have none.

    Parameters
    ----------
    graph : FloatGraph
    bypass : "none", "simple" or "complex"
        Simple ones go around modules with as many channels behind as before; complex ones also put
        a 1x1 convolution without a ReLU around the others.
    seed : int
        Of those convolutions' weights.

    Raises
    ------
    FirebrickError
        If the kind of bypass is none of these.
    """
    if bypass not in BYPASSES:
        raise FirebrickError(f"bypass {bypass!r}; choose {', '.join(BYPASSES)}")
    if bypass == "none":
        return graph
    shapes, makers = graph.shapes(), {op.name: op for op in graph.ops}
    renamed: dict[str, str] = {}
    ops: list[FloatOp] = []
    for op in graph.ops:
        ops.append(replace(op, inputs=tuple(renamed.get(name, name) for name in op.inputs)))
        before = _before_fire(op, makers)
        if before is None:
            continue
        channels = (shapes[before][2], shapes[op.name][2])
        around = list(_bypass(op.name, renamed.get(before, before), channels, seed))
        if len(around) == 1 or bypass == "complex":
            ops += around
            renamed[op.name] = around[-1].name
    return replace(graph, name=f"{graph.name}-{bypass}-bypass", ops=tuple(ops))


def _before_fire(op: FloatOp, makers: dict[str, FloatOp]) -> str | None:
    """What a Fire module reads, if ``op`` joins its branches."""
    if not isinstance(op, Concat) or len(op.inputs) != 2:
        return None
    squeezes = {makers[name].inputs[0] for name in op.inputs if name in makers}
    squeeze = makers.get(next(iter(squeezes))) if len(squeezes) == 1 else None
    return squeeze.inputs[0] if isinstance(squeeze, FloatConv) else None


def _bypass(joined: str, x: str, channels: tuple[int, int], seed: int) -> Iterator[FloatOp]:
    """A way around a module from ``x``, of channels before and behind it, to its output."""
    name = joined.removesuffix("_concat")
    before, behind = channels
    if before != behind:
        outline = replace(blank(f"{name}_bypass1x1", x, (behind, 1, 1, before)), relu=False)
        rng = np.random.default_rng([seed, *name.encode()])
        drawn = rng.standard_normal(outline.weights.shape, np.float32) / np.float32(before**0.5)
        x = outline.name
        yield replace(outline, weights=drawn)
    yield FloatAdd(f"{name}_add", (x, joined))


def _v1_1(seed: int) -> FloatGraph:
    ops: list[FloatOp] = [blank("conv1", INPUT, (64, 3, 3, 3), stride=2), _pool(1, "conv1")]
    channels = 64
    for number, (squeeze, expand) in enumerate(V1_1_FIRES, start=2):
        ops += _fire(number, ops[-1].name, (channels, squeeze, expand))
        channels = 2 * expand
        if number in V1_1_POOLS:
            ops.append(_pool(number, ops[-1].name))
    ops.append(blank("conv10", ops[-1].name, (1000, 1, 1, channels)))
    ops.append(GlobalSum("pool10", ("conv10",)))
    return with_random_weights(FloatGraph("squeezenet1.1", (224, 224, 3), tuple(ops)), seed)


def _pool(number: int, x: str) -> MaxPool:
    return MaxPool(f"pool{number}", (x,), 3, 2, ceil=True)


def _fire(
    number: int, x: str, channels: tuple[int, int, int], kernel: int = 1
) -> Iterator[FloatOp]:
    """A Fire module of channels before it, of its squeeze layer and of each branch."""
    name, (before, squeeze, expand) = f"fire{number}", channels
    first, joined = f"{name}_squeeze{kernel}x{kernel}", f"{name}_concat"
    branches = (f"{name}_expand1x1", f"{name}_expand3x3")
    shape = (squeeze, kernel, kernel, before)
    yield blank(first, x, shape, stride=2 if kernel > 1 else 1, pad=kernel // 2)
    yield blank(branches[0], first, (expand, 1, 1, squeeze))
    yield blank(branches[1], first, (expand, 3, 3, squeeze), pad=1)
    yield Concat(joined, branches)
