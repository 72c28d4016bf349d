"""How a convolution is folded onto hardware."""

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
        ``pe`` of them before the next fold is done: ``pe / lanes <= K * K * ceil(Cin / simd)``.
    multiplier : "dsp48e1", "mult18x18d" or "lut"
    weight_memory, window_memory : "block" or "lut"
    window_pixels : int
        Capacity of the window memory in padded pixels; at least ``(K-1) * padded width + K``.
    scaler : "dsp48e1" or "inferred"
        What requantises.
    """

    pe: int
    simd: int
    lanes: int
    multiplier: MultiplierKind
    weight_memory: MemoryKind
    window_memory: MemoryKind
    window_pixels: int
    scaler: ScalerKind = "inferred"
