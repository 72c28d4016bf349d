"""The figures of a plan: what ``report.txt``, ``report.html`` and comparisons are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

from boards.board import RAMB36_BITS, Board, Resources
from gen.cost.model import CostModel
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD, Op
from gen.nodes.graph import Graph
from gen.nodes.node import Node
from gen.plan.latency import Latency, latency
from gen.plan.limits import lanes_of
from gen.plan.link import link_name, packet_format
from gen.plan.plan import LayerCost, Plan
from gen.plan.queues import waits
from gen.plan.rates import Rates, choices
from gen.report.rows import TITLES, Layer, LinkLoad, LinkRow, MemoryKinds, Stream, Use, WeightMemory

MEMORIES = {"block": "block RAM", "lut": "LUTs"}
"""Kinds of memory, as people call them."""
LUT_BITS = 64
"""Bits that a LUT of six inputs holds as memory."""


@dataclass(frozen=True, eq=False)
class Figures:
    """A network planned for a board, in numbers.

    Attributes
    ----------
    network : QuantizedNetwork
    plan : Plan
        Of that network.
    board : Board
        That it was planned for.
    """

    network: QuantizedNetwork
    plan: Plan
    board: Board

    @cached_property
    def graph(self) -> Graph:
        """The dataflow graph."""
        return Graph.of(self.network)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """In the network's order."""
        return tuple(self._layer(op, self.graph[op.name]) for op in self.network.ops)

    def _layer(self, op: Op, node: Node) -> Layer:
        plan = self.plan.nodes[op.name]
        return Layer(
            op.name,
            _what(op),
            self.network.tensors[op.name].shape,
            node.weight_count,
            node.folding(plan),
            node.multipliers(plan),
            plan.lanes,
            self.plan.costs[op.name],
            _weight_memory(node, plan),
        )

    @property
    def shell(self) -> LayerCost:
        """The link and the shell around the accelerator."""
        return self.plan.costs[BOARD]

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Everything that goes from one node to another."""
        found = waits(self.graph, self.plan.cycles, self.plan.nodes)
        longest = {
            name: wait.cycles / self.plan.clock_hz for name, wait in found.items() if wait.pixels
        }
        return tuple(self._streams(longest))

    def _streams(self, longest: dict[str, float]) -> Iterator[Stream]:
        for edge in (edge for edges in self.graph.edges.values() for edge in edges):
            tensor, queue = self.network.tensors[edge.tensor], self.plan.queues.get(edge.name)
            lanes = lanes_of(edge, self.plan.nodes)
            stream = Stream(
                edge.source, edge.target, edge.tensor, tensor.shape, tensor.bits, lanes, edge.tap
            )
            if queue is not None:
                stream = replace(
                    stream,
                    queued=queue.pixels,
                    transfers=queue.depth,
                    queue_lanes=queue.lanes,
                    memory=queue.memory,
                    waits=longest.get(queue.join, 0.0),
                )
            yield stream

    @property
    def waiting(self) -> tuple[Stream, ...]:
        """Streams with a queue in which pixels wait for those of a longer path."""
        return tuple(stream for stream in self.streams if stream.waits)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Totals against the board's resources."""
        total, held = self.plan.resources, self.board.resources
        names = [item.name for item in fields(Resources)]
        return tuple(Use(name, getattr(total, name), getattr(held, name)) for name in names)

    @property
    def memories(self) -> tuple[MemoryKinds, ...]:
        """What holds weights, by kind of memory."""
        found = []
        for kind, title in MEMORIES.items():
            held = [one.memory for one in self.layers if one.memory and one.memory.kind == kind]
            sums = (sum(getattr(m, n) for m in held) for n in ("bits", "taken", "wasted"))
            if held:
                found.append(MemoryKinds(title, len(held), *sums))
        return tuple(found)

    @property
    def block_rams(self) -> dict[str, float]:
        """RAMB36 by what they hold."""
        held = [layer.memory for layer in self.layers if layer.memory]
        weights = sum(memory.taken for memory in held if memory.kind == "block") / RAMB36_BITS
        queues = sum(queue.cost.bram36 for queue in self.plan.queues.values())
        rest = self.plan.resources.bram36 - weights - queues
        return {"weights": weights, "queues": queues, "windows, scales and the link": rest}

    @cached_property
    def multipliers(self) -> int:
        """Multipliers for weights."""
        return self.graph.multipliers(self.plan.nodes)

    @property
    def busy(self) -> float:
        """Part of the time in which a multiplier works."""
        return self.network.macs / self.plan.cycles / self.multipliers

    @cached_property
    def link(self) -> LinkLoad:
        """What connects it to the host."""
        info = packet_format(self.network, self.board)
        rates = Rates.of(self.network, self.board, self.plan.clock_hz)
        return LinkLoad(
            link_name(self.board),
            rates.raw,
            rates.lossless if self.board.coded else None,
            info.frame_bytes,
            info.chunks,
            4 * info.classes,
        )

    @cached_property
    def links(self) -> tuple[LinkRow, ...]:
        """The links that the board could have."""
        return tuple(self._links())

    def _links(self) -> Iterator[LinkRow]:
        clock_hz = self.plan.clock_hz
        for choice in choices(self.board, clock_hz):
            rates = Rates.of(self.network, choice.board, clock_hz)
            yield LinkRow(
                choice.name,
                choice.options,
                choice.board == self.board,
                rates.raw,
                rates.lossless,
                rates.coarsest,
                self.board.coded,
                latency(self.network, choice.board, self.plan, self.graph),
            )

    @property
    def latency(self) -> Latency:
        """From the last pixel sent to the classes received, over the board's own link."""
        return next(row.latency for row in self.links if row.chosen)

    @property
    def link_limits(self) -> bool:
        """Whether the link carries no more than the accelerator makes."""
        return self.link.frames_per_second <= self.plan.frames_per_second

    @property
    def what_limits(self) -> str:
        """What to say of that."""
        if self.link_limits:
            return "the link; the accelerator takes every byte as it comes"
        return "the accelerator; the host sends no more than it has room for"

    @property
    def frames_per_second(self) -> float:
        """What host and board make together."""
        return min(self.link.frames_per_second, self.plan.frames_per_second)

    @property
    def who_updates(self) -> str:
        """Who may replace weights over link or bus; nothing if nobody can."""
        if not self.network.updatable:
            return ""
        way = "the link" if self.board.beat_bits is None else "AXI4-Lite"
        if self.board.keyed:
            return f"over {way}, by whoever has the key, which netlist and bitstream hold"
        return f"over {way}, by ANYONE who reaches it: generated with --update-open"

    @property
    def fixed(self) -> str:
        """What the same network would be with weights that stay; nothing if nobody asked."""
        fixed = self.plan.fixed
        if fixed is None:
            return ""
        rate, parts = self.plan.clock_hz / fixed.cycles, fixed.resources
        uses = (f"{getattr(parts, name):g} {title}" for name, title in TITLES.items())
        return f"{rate:.1f} frames/s with {', '.join(uses)}"

    @property
    def headroom(self) -> dict[str, float]:
        """Frames a second with a tenth more of each resource, and of all; as far as asked."""
        return {
            TITLES.get(name, name): self.plan.clock_hz / cycles
            for name, cycles in self.plan.headroom.items()
        }


def _what(op: Op) -> str:
    """An op in words: ``max pool 3x3 / 2``."""
    words = " ".join(re.findall("[A-Z][a-z]*", type(op).__name__)).lower()
    kernel = getattr(op, "kernel_size", None) or (getattr(op, "kernel", 0),) * 2
    size = "x".join(map(str, kernel)) if kernel[0] else ""
    stride = getattr(op, "stride", 1)
    grouped = "depthwise" if getattr(op, "groups", 1) > 1 else ""
    parts = (grouped, words, size, f"/ {stride}" if stride > 1 else "")
    return " ".join(part for part in parts if part)


def _weight_memory(node: Node, plan: object) -> WeightMemory | None:
    """What its weights take; LUTs beside a block RAM choose between its words."""
    if not node.weight_count:
        return None
    cost, bits = node.weight_cost(plan, CostModel.fitted()), node.weight_count * node.code_bits
    if cost.bram36:
        return WeightMemory("block", bits, int(cost.bram36 * RAMB36_BITS))
    return WeightMemory("lut", bits, cost.lut * LUT_BITS)
