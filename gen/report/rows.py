"""Rows of the figures of a plan: layers, streams, resources, the link."""

from __future__ import annotations

from dataclasses import dataclass

from gen.ir.ops import Shape
from gen.nodes.option import Folding
from gen.plan.latency import Latency
from gen.plan.plan import LayerCost
from protocol.coding.rules import LOSSLESS, RAW
from protocol.coding.typical import COARSEST

TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "RAMB36"}
"""Resources, as people call them."""


@dataclass(frozen=True)
class WeightMemory:
    """Where a layer's weights are.

    Attributes
    ----------
    kind : "block" or "lut"
    bits : int
        Of the weights, as they are stored.
    taken : int
        Bits of the block RAMs or LUTs that hold them.
    """

    kind: str
    bits: int
    taken: int

    @property
    def wasted(self) -> int:
        """Bits that hold nothing."""
        return max(0, self.taken - self.bits)


@dataclass(frozen=True)
class Layer:
    """An op of the network as hardware.

    Attributes
    ----------
    name : str
    what : str
        What it does, for people.
    shape : Shape
        Of what it makes.
    weights : int
    folding : Folding or None
        None without multipliers.
    multipliers : int
    lanes : int
        Channels a transfer of its output.
    cost : LayerCost
        Converters and queues in front of it included.
    memory : WeightMemory or None
        None without weights.
    """

    name: str
    what: str
    shape: Shape
    weights: int
    folding: Folding | None
    multipliers: int
    lanes: int
    cost: LayerCost
    memory: WeightMemory | None


@dataclass(frozen=True)
class Stream:
    """What goes from one node to another.

    Attributes
    ----------
    source, target : str
        Nodes; the source may be the input.
    tensor : str
    shape : Shape
    bits : int
        Of a channel.
    lanes : int
        Channels a transfer.
    tap : bool
        Whether it is a tap of the source's windows.
    queued : int
        Pixels that its queue has room for; 0 without one.
    transfers, queue_lanes : int
        Depth and lanes of the queue.
    memory : str
        Of the queue.
    waits : float
        Longest that a pixel waits for a longer path, in seconds; 0 where none does.
    """

    source: str
    target: str
    tensor: str
    shape: Shape
    bits: int
    lanes: int
    tap: bool
    queued: int = 0
    transfers: int = 0
    queue_lanes: int = 0
    memory: str = ""
    waits: float = 0.0


@dataclass(frozen=True)
class Use:
    """A resource: what the plan takes, and what the board has."""

    name: str
    used: float
    available: float

    @property
    def title(self) -> str:
        """For people."""
        return TITLES[self.name]

    @property
    def share(self) -> float:
        """The part that is used."""
        return self.used / self.available


@dataclass(frozen=True)
class LinkLoad:
    """The link to the host, and what it carries.

    Attributes
    ----------
    name : str
    raw : float
        Frames a second that it carries as they are.
    coded : float or None
        Photographs a second that it carries coded without loss; None if the board takes none.
    frame_bytes, packets : int
        Pixels of a frame, and the packets that they come in.
    result_bytes : int
        Class sums of a frame.
    """

    name: str
    raw: float
    coded: float | None
    frame_bytes: int
    packets: int
    result_bytes: int

    @property
    def frames_per_second(self) -> float:
        """Most that it carries."""
        return self.raw if self.coded is None else max(self.raw, self.coded)


@dataclass(frozen=True)
class LinkRow:
    """A link that the board could have.

    Attributes
    ----------
    name : str
    options : str
        Of ``python -m gen``, to get it; empty if it is what a UART usually is.
    chosen : bool
        Whether it is the one that the board has.
    raw, lossless, coarsest : float
        Frames a second, as :class:`gen.plan.rates.Rates` has them.
    coded : bool
        Whether the board takes coded frames.
    latency : Latency
    """

    name: str
    options: str
    chosen: bool
    raw: float
    lossless: float
    coarsest: float
    coded: bool
    latency: Latency

    @property
    def carries(self) -> float:
        """Frames a second with the host's default, as the board is."""
        return self.lossless if self.coded else self.raw

    @property
    def ways(self) -> dict[str, float]:
        """Frames a second by what the host's ``--coding`` may be."""
        return {RAW: self.raw, LOSSLESS: self.lossless, COARSEST.option: self.coarsest}


@dataclass(frozen=True)
class MemoryKinds:
    """The weights in one kind of memory.

    Attributes
    ----------
    title : str
    layers : int
    bits, taken, wasted : int
        As of :class:`WeightMemory`, all layers together.
    """

    title: str
    layers: int
    bits: int
    taken: int
    wasted: int
