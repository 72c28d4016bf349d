"""How layers are folded onto hardware."""

from __future__ import annotations

from dataclasses import dataclass

from hw.arith.mac import MultiplierKind
from hw.layers.requantise import ScalerKind
from hw.stream.fifo import MemoryKind


@dataclass(frozen=True)
class EnginePlan:
    """Folding and memories of one convolution engine.

    Attributes
    ----------
    pe : int
        Output channels computed side by side; ``ceil(Cout / pe)`` output folds.
    simd : int
        Input channels multiplied side by side; each kernel tap takes ``ceil(Cin / simd)`` cycles.
    lanes : int
        Channels a transfer of the engine's output; divides both ``pe`` and ``Cout``, and sends
        ``pe`` of them before the next fold is done: ``pe / lanes <= KH * KW * ceil(Cin / simd)``.
    multiplier : "dsp48e1", "mult18x18d" or "lut"
    weight_memory, window_memory : "block" or "lut"
    window_pixels : int
        Capacity of the window memory in padded pixels; at least ``(KH-1) * padded width + KW``.
    scaler : "dsp48e1" or "inferred"
        What requantises.
    scale_memory : "block" or "lut"
        What holds the biases and multipliers that requantise.
    """

    pe: int
    simd: int
    lanes: int
    multiplier: MultiplierKind
    weight_memory: MemoryKind
    window_memory: MemoryKind
    window_pixels: int
    scaler: ScalerKind = "inferred"
    scale_memory: MemoryKind = "lut"


@dataclass(frozen=True)
class DepthwisePlan:
    """Folding and memories of one depthwise convolution engine.

    Attributes
    ----------
    pe : int
        Channels computed side by side, each by a multiplier and an accumulator of its own: a
        window takes ``KH * KW * ceil(C / pe)`` cycles.
    lanes : int
        Channels a transfer of the engine's output, each with a scaler; divides all channels and
        ``pe``; ``pe / lanes <= KH * KW``.
    multiplier : "dsp48e1", "mult18x18d" or "lut"
    weight_memory, window_memory : "block" or "lut"
    window_pixels : int
        Capacity of the window memory in padded pixels; at least ``(KH-1) * padded width + KW``.
    scaler : "dsp48e1" or "inferred"
        What requantises.
    scale_memory : "block" or "lut"
        What holds the biases and multipliers that requantise.
    """

    pe: int
    lanes: int
    multiplier: MultiplierKind
    weight_memory: MemoryKind
    window_memory: MemoryKind
    window_pixels: int
    scaler: ScalerKind = "inferred"
    scale_memory: MemoryKind = "lut"

    @property
    def simd(self) -> int:
        """Channels of a word of the window memory: those computed side by side."""
        return self.pe


@dataclass(frozen=True)
class PoolPlan:
    """Folding and memory of one pool over windows.

    Attributes
    ----------
    lanes : int
        Channels pooled side by side, and in a transfer of the pool's input and output; divides all
        channels. A window takes ``KH * KW * C / lanes`` cycles.
    window_memory : "block" or "lut"
    window_pixels : int
        Capacity of the window memory in padded pixels; at least ``(KH-1) * padded width + KW``.
    scaler : "dsp48e1" or "inferred"
        What requantises an average.
    """

    lanes: int
    window_memory: MemoryKind
    window_pixels: int
    scaler: ScalerKind = "inferred"
