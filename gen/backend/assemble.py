"""From a quantised network and its plan to hardware."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, DomainRenamer, Module, ResetSignal, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gen.backend.names import SUMS, fork_name, lanes_name, module_names, queue_name
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.nodes.graph import Edge, Graph
from gen.plan.limits import lanes_of
from gen.plan.plan import Plan
from hw.layers.conv_integers import code_shape
from hw.stream.fifo import StreamFifo
from hw.stream.fork import Fork
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from hw.stream.reset_domain import add_domain
from hw.stream.stalls import stalled
from hw.stream.watch import watch

SUM_BITS = 32
"""Width of a class sum at the accelerator's output."""


class Accelerator(wiring.Component):
    """The whole network: pixels in, class sums out.

    A reset reaches the nodes behind the first one a cycle late, those behind them another, and
    leaves each of them a cycle after those in front of it, which is when its first input may come:
    each node's comes from a register of its own, and one register more sets all these. A stream
    that skips nodes stands still until its end is awake.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Decides all that the network leaves open.

    Members
    -------
    i : In(lane_stream(1, unsigned(8)))
        Pixel bytes, red, green, blue, in raster order; frame after frame.
    o : Out(lane_stream(1, signed(32)))
        Each frame's class sums, in label order.
    o_stalled : Out(ops)
        A bit for each op of the network, in their order: its stream was stalled a cycle ago.
    i_load : In(LOAD)
        Only if the network is updatable: words for the memories of its convolutions with an
        envelope, numbered as :func:`gen.nodes.contents.contents_layout` does, while no frame is in
        the network.
    """

    def __init__(self, network: QuantizedNetwork, plan: Plan):
        self._network, self._plan = network, plan
        ports = {
            "i": In(lane_stream(1, code_shape(False))),
            "o": Out(lane_stream(1, signed(SUM_BITS))),
            "o_stalled": Out(len(network.ops)),
        }
        super().__init__(ports | ({"i_load": In(LOAD)} if network.updatable else {}))

    def elaborate(self, platform: Any) -> Module:
        """Build the hardware."""
        m = Module()
        wires = _Wires(m, Graph.of(self._network), self._plan)
        last = wires.connect(wiring.flipped(self.i))
        if self._network.updatable:
            wires.load(self.i_load)
        m.d.comb += self.o_stalled.eq(Cat(wires.stalls[op.name] for op in self._network.ops))
        self._finish(m, wires.domain(self._network.ops[-1].name), last)
        return m

    def _finish(self, m: Module, domain: str, source: Any) -> None:
        """Class sums one at a time, sign-extended."""
        classes = self._network.output.shape[2]
        payload = source.payload.shape()
        converter = LaneConverter(classes, payload.length, 1, payload.elem_shape)
        m.submodules[SUMS] = DomainRenamer(domain)(converter)
        wiring.connect(m, source, converter.i)
        m.d.comb += [
            self.o.valid.eq(converter.o.valid),
            self.o.payload[0].eq(converter.o.payload[0]),
            converter.o.ready.eq(self.o.ready),
        ]


_SPREAD = "spread"
"""The domain of registers that reset nodes: in reset a cycle later than the module's own."""


class _Wires:
    """Puts the nodes of a graph into a module, and connects them.

    Attributes
    ----------
    stalls : dict of Signal
        By name of the node: its stream was stalled a cycle ago.
    """

    def __init__(self, m: Module, graph: Graph, plan: Plan):
        self._m, self._graph, self._plan = m, graph, plan
        self._modules = module_names(graph)
        self._streams: dict[str, Any] = {}
        """What each edge carries, by its name."""
        self.stalls: dict[str, Signal] = {}
        self._loads: list[Any] = []
        """What is written to the memories of each convolution with an envelope, in order."""
        self._add_domains()

    def _add_domains(self) -> None:
        """A domain for each level, which wakes the next one, and for each node behind the first."""
        add_domain(self._m, _SPREAD, 0)
        levels = self._graph.levels
        domains = [(self._at(level), level) for level in range(1, max(levels.values()) + 1)]
        domains += [(self.domain(name), level) for name, level in levels.items() if level]
        for name, level in domains:
            set_by = "sync" if level == 1 else _SPREAD
            add_domain(self._m, name, ResetSignal(self._at(level - 1)), set_by=set_by)

    def connect(self, source: Any) -> Any:
        """Connect everything behind the stream of pixels; returns the last node's stream."""
        self._spread(INPUT, source, self._graph.readers(INPUT), "input_fork")
        for node in self._graph:
            name, module = node.name, self._modules[node.name]
            edges, plan = self._graph.edges[name], self._plan.nodes[name]
            feeds = [lanes_of(edge, self._plan.nodes) for edge in edges]
            unit = node.build(plan, feeds)
            self._add(module, self.domain(name), unit)
            inputs = [getattr(unit, port) for port in node.ports]
            for edge, port in zip(edges, inputs, strict=True):
                wiring.connect(self._m, self._fed(edge), port)
            self._watch(module, inputs, unit.o)
            if "i_load" in unit.signature.members:
                self._loads.append(unit.i_load)
            self.stalls[name] = late = Signal(name=f"{module}_stalled", reset_less=True)
            self._m.d.sync += late.eq(stalled(unit.o))
            source = unit.o
            self._spread(name, source, self._graph.readers(name), fork_name(module))
            if taps := self._graph.taps(name):
                self._spread(name, unit.o_tap, taps, fork_name(module, tap=True))
        return source

    def load(self, source: Any) -> None:
        """Connect the memories that can be written: two numbers for each convolution that has some.

        A register each, since convolutions are far apart.
        """
        for number, port in enumerate(self._loads):
            late = Signal(LOAD, name=f"load{number}", reset_less=True)
            mine = source.memory[1:] == number
            self._m.d.sync += [late.eq(source), late.enable.eq(source.enable & mine)]
            self._m.d.comb += port.eq(late)

    def _watch(self, module: str, inputs: list[Any], o: Any) -> None:
        """Name what a node does in a cycle, for simulations.

        Its streams move; or its output waits for who reads it; or it could take what does not come.
        """
        taken = Cat(stream.valid & stream.ready for stream in inputs).any()
        bits = {
            "moves": taken | (o.valid & o.ready),
            "waits": o.valid & ~o.ready,
            "starves": Cat(stream.ready & ~stream.valid for stream in inputs).any(),
        }
        watch(self._m, **{f"{module}_{name}": bit for name, bit in bits.items()})

    def domain(self, name: str) -> str:
        """The clock domain of a node: its own, but for those in front, which have the module's."""
        return f"at_{self._modules[name]}" if self._graph.levels[name] else self._at(0)

    @staticmethod
    def _at(level: int) -> str:
        """The domain whose reset all nodes of a level follow."""
        return f"level{level}" if level else "sync"

    def _add(self, name: str, domain: str, unit: wiring.Component) -> None:
        self._m.submodules[name] = DomainRenamer(domain)(unit)

    def _spread(self, name: str, source: Any, edges: list[Edge], fork_module: str) -> None:
        """Give a stream to all that read it."""
        if len(edges) == 1:
            self._streams[edges[0].name] = source
        elif edges:
            fork = Fork(source.payload.shape(), len(edges))
            self._add(fork_module, "sync" if name == INPUT else self.domain(name), fork)
            wiring.connect(self._m, source, fork.i)
            for number, edge in enumerate(edges):
                self._streams[edge.name] = getattr(fork, f"o{number}")

    def _fed(self, edge: Edge) -> Any:
        """What an edge carries, awake, in the lanes of the port, behind its queue."""
        node, plan = self._graph[edge.target], self._plan.nodes[edge.target]
        module, domain = self._modules[edge.target], self.domain(edge.target)
        lanes = lanes_of(edge, self._plan.nodes)
        own, queue = node.port_lanes(plan, lanes), self._plan.queues.get(edge.name)
        source = self._awake(edge)
        parts: list[tuple[str, Any]] = []
        x = node.inputs[edge.port]
        shape = code_shape(x.signed)
        if own != lanes:
            converter = LaneConverter(x.shape[2], lanes, own, shape)
            parts.append((lanes_name(module, edge.port), converter))
        if queue is not None:
            layout = data.ArrayLayout(shape, queue.lanes)
            late = self._skips(edge) and queue.depth > 2
            fifo = StreamFifo(layout, queue.depth, queue.memory, late=late)
            place = 0 if queue.lanes == lanes else len(parts)
            parts.insert(place, (queue_name(module, edge.port), fifo))
        for name, part in parts:
            self._add(name, domain, part)
            wiring.connect(self._m, source, part.i)
            source = part.o
        return source

    def _skips(self, edge: Edge) -> bool:
        """There are nodes beside an edge, and so a long way across the chip."""
        levels = self._graph.levels
        return levels[edge.target] - levels.get(edge.source, -1) > 1

    def _awake(self, edge: Edge) -> Any:
        """What an edge carries, once the domain of its target has left its reset."""
        source = self._streams[edge.name]
        if not self._skips(edge):
            return source
        gated = source.signature.create(path=(f"{self._modules[edge.target]}_awake{edge.port}",))
        asleep = ResetSignal(self._at(self._graph.levels[edge.target]))
        self._m.d.comb += [
            gated.payload.eq(source.payload),
            gated.valid.eq(source.valid & ~asleep),
            source.ready.eq(gated.ready & ~asleep),
        ]
        return gated
