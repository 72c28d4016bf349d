"""How fast the streams are: cycles a frame of everything that a frame passes.

Also the lane counts that a target of cycles a frame asks for, so that the engines can be chosen
one by one: each tensor gets ``min_lanes``, the fewest channels a transfer that carry it in time. An
engine's ``lanes`` is a multiple of its output's and its ``simd`` of its input's, so the lane
converter between them, which works at their greatest common divisor, is fast enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import gcd

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Conv, GlobalSum, MaxPool
from gen.ir.topology import FireStage, stages
from gen.plan.conv_shape import ConvShape
from gen.plan.plan import EnginePlan

Limit = tuple[str, str, int]
"""Op, what of it, and its cycles a frame."""


def divisors(n: int) -> list[int]:
    """All divisors, smallest first."""
    return [d for d in range(1, n + 1) if n % d == 0]


def _converter(pixels: int, channels: int, i_lanes: int, o_lanes: int) -> int:
    return pixels * channels // gcd(i_lanes, o_lanes)


def engine_limits(shape: ConvShape, plan: EnginePlan, i_lanes: int) -> Iterator[Limit]:
    """Limits of one engine.

    Parameters
    ----------
    shape : ConvShape
    plan : EnginePlan
    i_lanes : int
        Channels a transfer of its input.
    """
    chunks = shape.chunks(plan.simd)
    converter = _converter(shape.pixels, shape.cin, i_lanes, plan.simd)
    yield shape.name, "input lanes", shape.burst * converter
    yield shape.name, "window writes", shape.burst * shape.height * shape.width * chunks
    yield shape.name, "multipliers", shape.engine_cycles(plan)


def stream_limits(
    network: QuantizedNetwork,
    shapes: Mapping[str, ConvShape],
    engines: Mapping[str, EnginePlan],
    lanes: Mapping[str, int],
) -> Iterator[Limit]:
    """Every limit on the cycles a frame of a complete plan.

    Parameters
    ----------
    network : QuantizedNetwork
    shapes, engines : mapping of ConvShape, mapping of EnginePlan
        By name of the convolution.
    lanes : mapping of int
        Lanes at which every other op works, by name.
    """
    source, source_lanes = network.input, 1
    for stage in stages(network):
        if isinstance(stage, Conv):
            yield from engine_limits(shapes[stage.name], engines[stage.name], source_lanes)
            source_lanes = engines[stage.name].lanes
        elif isinstance(stage, FireStage):
            yield from _fire_limits(network, stage, shapes, engines, lanes, source_lanes)
            source_lanes = lanes[stage.name]
        else:
            height, width, channels = source.shape
            pixels, mine = height * width, lanes[stage.name]
            yield stage.name, "input lanes", _converter(pixels, channels, source_lanes, mine)
            yield stage.name, "transfers", pixels * channels // mine
            source_lanes = mine
        source = network.tensors[stage.name]
    yield network.ops[-1].name, "class sums", source.shape[2]


def _fire_limits(
    network: QuantizedNetwork,
    stage: FireStage,
    shapes: Mapping[str, ConvShape],
    engines: Mapping[str, EnginePlan],
    lanes: Mapping[str, int],
    source_lanes: int,
) -> Iterator[Limit]:
    squeeze, one, three = (op.name for op in (stage.squeeze, stage.one, stage.three))
    yield from engine_limits(shapes[squeeze], engines[squeeze], source_lanes)
    yield from engine_limits(shapes[three], engines[three], engines[squeeze].lanes)
    yield from engine_limits(shapes[one], engines[one], engines[three].simd)
    height, width, channels = network.tensors[stage.concat.name].shape
    pixels, mine = height * width, lanes[stage.concat.name]
    for part in (one, three):
        part_channels = shapes[part].cout
        yield part, "output lanes", _converter(pixels, part_channels, engines[part].lanes, mine)
    # It stands still while the engine in front waits between frames.
    transfers = pixels * channels // mine
    waiting = shapes[three].wait_pixels(engines[three].window_pixels)
    yield stage.concat.name, "transfers", transfers + -(-transfers * waiting // pixels)
    if stage.add is not None:
        own = lanes[stage.add.name]
        for name, other in (("module lanes", mine), ("bypass lanes", source_lanes)):
            yield stage.add.name, name, _converter(pixels, channels, other, own)


def min_lanes(network: QuantizedNetwork, cycles: int) -> dict[str, int] | None:
    """Fewest lanes a tensor for ``cycles`` a frame; those of ops without an engine are final.

    None if no lane count is fast enough.
    """
    found: dict[str, int] = {"input": 1}
    source = network.input
    try:
        for stage in stages(network):
            if isinstance(stage, Conv):
                found[stage.name] = _fewest(network, stage.name, cycles)
            elif isinstance(stage, MaxPool | GlobalSum):
                found[stage.name] = _fewest(
                    network, source.name, cycles, meets=(found[source.name],)
                )
            else:
                _fire_min_lanes(network, stage, cycles, found)
            source = network.tensors[stage.name]
    except _TooSlow:
        return None
    return found if source.shape[2] <= cycles else None


class _TooSlow(Exception):
    """No lane count carries a tensor in time."""


def _fewest(
    network: QuantizedNetwork,
    name: str,
    cycles: int,
    *,
    meets: Iterable[int] = (),
    among: int | None = None,
) -> int:
    """Smallest divisor of ``among`` that carries a tensor in time, also to lanes ``meets``."""
    height, width, channels = network.tensors[name].shape
    for lanes in divisors(among or channels):
        slowest = min([lanes, *(gcd(lanes, other) for other in meets)])
        if height * width * channels <= cycles * slowest:
            return lanes
    raise _TooSlow(name)


def _fire_min_lanes(
    network: QuantizedNetwork, stage: FireStage, cycles: int, found: dict[str, int]
) -> None:
    source = stage.squeeze.inputs[0]
    found[stage.squeeze.name] = _fewest(network, stage.squeeze.name, cycles)
    common = gcd(stage.one.channels, stage.three.channels)
    found[stage.concat.name] = lanes = _fewest(network, stage.concat.name, cycles, among=common)
    for part in (stage.one, stage.three):
        found[part.name] = _fewest(network, part.name, cycles, among=lanes)
    if stage.add is not None:
        found[stage.add.name] = _fewest(
            network, stage.add.name, cycles, meets=(lanes, found[source])
        )
