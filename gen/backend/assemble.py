"""From a quantised network and its plan to hardware."""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from amaranth.hdl import Cat, DomainRenamer, Module, ResetSignal, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Conv, GlobalSum, MaxPool
from gen.ir.topology import FireStage, stages
from gen.plan.conv_shape import ConvShape
from gen.plan.cost import bypass_queue, pool_memory
from gen.plan.plan import Plan
from hw.layers.conv import ConvEngine, ConvIntegers, code_shape
from hw.layers.fire import Bypass, Expand, Fire
from hw.layers.global_sum import GlobalSum as GlobalSumUnit
from hw.layers.pool import MaxPool as MaxPoolUnit
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream
from hw.stream.reset_domain import add_domain
from hw.stream.stalls import stalled

SUM_BITS = 32
"""Width of a class sum at the accelerator's output."""


def conv_integers(network: QuantizedNetwork, op: Conv) -> ConvIntegers:
    """What the hardware needs to know of a convolution."""
    x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
    return ConvIntegers(
        weights=op.weights,
        weight_bits=op.weight_bits,
        bias=op.bias,
        multiplier=op.multiplier,
        shift=op.shift,
        low=op.low,
        high=op.high,
        stride=op.stride,
        pad=op.pad,
        pad_code=op.pad_code,
        size=x.shape[:2],
        signed_input=x.signed,
        signed_output=y.signed,
        accumulator=op.accumulator_bounds(x),
        codebook=op.codebook,
    )


class Accelerator(wiring.Component):
    """The whole network: pixels in, class sums out.

    A reset reaches the stages behind the first one a cycle late, and leaves each of them a cycle
    after the one before it, which is when its first input may come: no net has to cross the chip.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan

    Members
    -------
    i : In(lane_stream(1, unsigned(8)))
        Pixel bytes, red, green, blue, in raster order; frame after frame.
    o : Out(lane_stream(1, signed(32)))
        Each frame's class sums, in label order.
    o_stalled : Out(ops)
        A bit for each op of the network, in their order: its stream was stalled a cycle ago.
    """

    def __init__(self, network: QuantizedNetwork, plan: Plan):
        self._network, self._plan = network, plan
        super().__init__(
            {
                "i": In(lane_stream(1, code_shape(False))),
                "o": Out(lane_stream(1, signed(SUM_BITS))),
                "o_stalled": Out(len(network.ops)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        """Build the hardware."""
        m = Module()
        source, lanes = wiring.flipped(self.i), 1
        names = stage_names(self._network)
        stalls: dict[str, Value] = {}
        domain = "sync"
        for number, stage in enumerate(stages(self._network)):
            name = names[stage.name]
            if number:
                add_domain(m, f"at_{name}", ResetSignal(domain))
                domain = f"at_{name}"
            if isinstance(stage, MaxPool | GlobalSum):
                source = self._converted(m, name, domain, stage, source, lanes)
                lanes = self._plan.lanes[stage.name]
                unit = self._pool(stage) if isinstance(stage, MaxPool) else self._sum(stage)
            elif isinstance(stage, Conv):
                unit = ConvEngine(
                    conv_integers(self._network, stage), self._plan.engines[stage.name], lanes
                )
            else:
                unit = self._fire(stage, lanes)
            m.submodules[name] = DomainRenamer(domain)(unit)
            wiring.connect(m, source, unit.i)
            source, lanes = unit.o, unit.o.payload.shape().length
            if isinstance(stage, FireStage):
                ops = (stage.squeeze, stage.one, stage.three, stage.concat, stage.add)
                stalls |= {op.name: unit.o_stalled[k] for k, op in enumerate(ops) if op is not None}
            else:
                stalls[stage.name] = late = Signal()
                m.d.sync += late.eq(stalled(source))
        m.d.comb += self.o_stalled.eq(Cat(stalls[op.name] for op in self._network.ops))
        self._finish(m, domain, source, lanes)
        return m

    def _converted(
        self,
        m: Module,
        name: str,
        domain: str,
        stage: MaxPool | GlobalSum,
        source: Any,
        lanes: int,
    ) -> Any:
        """The source in the lanes that a stage without an engine works at."""
        x = self._network.tensors[stage.inputs[0]]
        converter = LaneConverter(
            x.shape[2], lanes, self._plan.lanes[stage.name], code_shape(x.signed)
        )
        m.submodules[f"{name}_lanes"] = DomainRenamer(domain)(converter)
        wiring.connect(m, source, converter.i)
        return converter.o

    def _finish(self, m: Module, domain: str, source: Any, lanes: int) -> None:
        """Class sums one at a time, sign-extended."""
        classes = self._network.output.shape[2]
        shape = source.payload.shape().elem_shape
        converter = LaneConverter(classes, lanes, 1, shape)
        m.submodules.class_sums = DomainRenamer(domain)(converter)
        wiring.connect(m, source, converter.i)
        m.d.comb += [
            self.o.valid.eq(converter.o.valid),
            self.o.payload[0].eq(converter.o.payload[0]),
            converter.o.ready.eq(self.o.ready),
        ]

    def _pool(self, op: MaxPool) -> MaxPoolUnit:
        x = self._network.tensors[op.inputs[0]]
        height, width, channels = x.shape
        lanes = self._plan.lanes[op.name]
        _, memory = pool_memory(self._network.tensors[op.name].shape[1], channels, lanes)
        return MaxPoolUnit(
            height,
            width,
            channels,
            lanes,
            kernel=op.kernel,
            stride=op.stride,
            ceil=op.ceil,
            shape=code_shape(x.signed),
            memory=memory,
        )

    def _sum(self, op: GlobalSum) -> GlobalSumUnit:
        x = self._network.tensors[op.inputs[0]]
        height, width, channels = x.shape
        bits = (height * width * max(x.high, -x.low)).bit_length() + 1
        return GlobalSumUnit(
            height * width,
            channels,
            self._plan.lanes[op.name],
            shape=code_shape(x.signed),
            width=bits,
        )

    def _fire(self, stage: FireStage, i_lanes: int) -> Fire:
        plan, tensors = self._plan, self._network.tensors
        squeeze_plan = plan.engines[stage.squeeze.name]
        expand = Expand(
            conv_integers(self._network, stage.one),
            plan.engines[stage.one.name],
            conv_integers(self._network, stage.three),
            plan.engines[stage.three.name],
            i_lanes=squeeze_plan.lanes,
            lanes=plan.lanes[stage.concat.name],
        )
        bypass = None
        if stage.add is not None:
            depth, kind = bypass_queue(
                ConvShape.of(self._network, stage.squeeze),
                ConvShape.of(self._network, stage.three),
                i_lanes,
            )
            fire, around = stage.add.multiplier
            if stage.bypass_first:
                fire, around = around, fire
            bypass = Bypass(
                multiplier=(fire, around),
                shift=stage.add.shift,
                low=stage.add.low,
                high=stage.add.high,
                signed_output=tensors[stage.add.name].signed,
                lanes=plan.lanes[stage.add.name],
                depth=depth,
                kind=kind,
            )
        return Fire(
            conv_integers(self._network, stage.squeeze),
            squeeze_plan,
            expand,
            i_lanes=i_lanes,
            bypass=bypass,
        )


def stage_names(network: QuantizedNetwork) -> dict[str, str]:
    """What each stage's module is called inside the accelerator, by the stage's name.

    A tensor's name as a Verilog identifier; where two come out alike, the later ones get a number.
    """
    found: dict[str, str] = {}
    taken = {"class_sums"}
    for stage in stages(network):
        base = _identifier(_fire_name(stage) if isinstance(stage, FireStage) else stage.name)
        numbered = (f"{base}_{number}" for number in count(2))
        name = next(n for n in chain([base], numbered) if not {n, f"{n}_lanes"} & taken)
        taken |= {name, f"{name}_lanes"}
        found[stage.name] = name
    return found


def _identifier(name: str) -> str:
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")
    return plain if plain[:1].isalpha() else f"layer_{plain}".rstrip("_")


def _fire_name(stage: FireStage) -> str:
    """Fire modules are named after their squeeze layer: ``fire2/squeeze1x1`` makes ``fire2``."""
    head = stage.squeeze.name.strip("/").replace("squeeze", "\0").split("\0")[0]
    return head.rstrip("/_.") or stage.squeeze.name


def stream_paths(network: QuantizedNetwork) -> dict[str, str]:
    """Hierarchical path of the stream of each tensor inside the accelerator, but for the input.

    ``fire2.expand.concat.o`` for the concatenation of Fire module ``fire2``, for example. Each
    path names the unit that makes the tensor: in the Verilog of a unit that only wires others up,
    their ports can take the names of its own.
    """
    paths: dict[str, str] = {}
    names = stage_names(network)
    for stage in stages(network):
        module = names[stage.name]
        if isinstance(stage, Conv):
            paths[stage.name] = f"{module}.requantise.o"
        elif isinstance(stage, FireStage):
            paths[stage.squeeze.name] = f"{module}.squeeze.requantise.o"
            paths[stage.one.name] = f"{module}.expand.engine1.requantise.o"
            paths[stage.three.name] = f"{module}.expand.requantise3.o"
            paths[stage.concat.name] = f"{module}.expand.concat.o"
            if stage.add:
                paths[stage.add.name] = f"{module}.add.o"
        else:
            last = "queue.o" if isinstance(stage, MaxPool) else "o"
            paths[stage.name] = f"{module}.{last}"
    return paths
