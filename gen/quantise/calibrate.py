"""Running the float network over calibration frames, to see what its activations look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gen.common.progress import SILENT, Progress
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Computed, FloatOp
from gen.quantise.kinds import float_layer
from gen.quantise.layers import batches

BINS = 4096
CANDIDATES = np.geomspace(0.25, 1.0, 64)
"""Clipping ranges to try, as parts of the largest value seen."""


def run_float(graph: FloatGraph, frames: np.ndarray) -> Iterator[tuple[FloatOp, np.ndarray]]:
    """Run frames of raw pixels; yield each op with its output, dropping tensors after last use.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)

    Yields
    ------
    op, float32 array (N, H, W, C)
        The GlobalSum yields means: the logits.
    """
    live = {INPUT: frames.astype(np.float32)}
    last = {name: i for i, op in enumerate(graph.ops) for name in op.inputs}
    for i, op in enumerate(graph.ops):
        y = float_layer(op, [live[name] for name in op.inputs])
        live[op.name] = y
        yield op, y
        for name in set(op.inputs):
            if last[name] == i:
                del live[name]


def float_logits(graph: FloatGraph, frames: np.ndarray) -> np.ndarray:
    """Logits (N, classes) of a graph whose input normalisation is folded in."""
    parts = []
    for batch in batches(len(frames), frames.shape[1:]):
        for _, y in run_float(graph, frames[batch]):
            logits = y
        parts.append(logits.reshape(len(logits), -1))
    return np.concatenate(parts)


class Histogram:
    """How often each magnitude occurs in a tensor, over a range that grows by doubling."""

    def __init__(self) -> None:
        self.top = 0.0
        self.counts = np.zeros(BINS, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count the magnitudes of ``values``."""
        magnitudes = np.abs(values.reshape(-1))
        largest = float(magnitudes.max(initial=0.0))
        if self.top == 0.0:
            self.top = largest
        while largest > self.top > 0.0:
            self.counts[: BINS // 2] = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts[BINS // 2 :] = 0
            self.top *= 2
        if self.top > 0.0:
            # Of denormal numbers, the inverse is no 32-bit float.
            kind = np.float32 if self.top > BINS * np.finfo(np.float32).tiny else np.float64
            bins = (magnitudes * kind(BINS / self.top)).astype(np.int32)
            self.counts += np.bincount(np.minimum(bins, BINS - 1), minlength=BINS)

    def merge(self, other: Histogram) -> None:
        """Add what another histogram has counted."""
        centres = (np.arange(BINS) + 0.5) / BINS * other.top
        used = np.flatnonzero(other.counts)
        if not len(used):
            return
        while self.top < other.top and self.top > 0.0:
            self.counts[: BINS // 2] = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts[BINS // 2 :] = 0
            self.top *= 2
        self.top = self.top or other.top
        bins = np.minimum((centres[used] / self.top * BINS).astype(np.int64), BINS - 1)
        np.add.at(self.counts, bins, other.counts[used])

    def best_scale(self, high: int) -> float:
        """Scale at which codes 0 to ``high`` make the smallest mean square error."""
        if self.top == 0.0:
            return 1.0
        scales = CANDIDATES * self.limit / high
        return float(scales[int(self.errors(scales, high).argmin())])

    @property
    def limit(self) -> float:
        """What no magnitude is above; 0 if all are zero."""
        if self.top == 0.0:
            return 0.0
        return float((np.flatnonzero(self.counts)[-1] + 1) / BINS * self.top)

    def errors(self, scales: np.ndarray, high: int) -> np.ndarray:
        """Sums of square errors (N,) of codes 0 to ``high`` at scales (N,)."""
        centres = (np.arange(BINS) + 0.5) / BINS * self.top
        codes = np.minimum(np.floor(centres / scales[:, None] + 0.5), high)
        sums: np.ndarray = ((codes * scales[:, None] - centres) ** 2 * self.counts).sum(axis=1)
        return sums


@dataclass(frozen=True)
class Statistics:
    """What calibration saw: a histogram of every computed tensor, mean of every channel."""

    histograms: dict[str, Histogram]
    means: dict[str, np.ndarray]


def observe(graph: FloatGraph, frames: np.ndarray, *, progress: Progress = SILENT) -> Statistics:
    """Collect statistics of all tensors over calibration frames.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)
    progress : Progress
        Told frames done and in all.
    """
    histograms = {op.name: Histogram() for op in graph.ops if isinstance(op, Computed)}
    sums = {INPUT: frames.mean(axis=(0, 1, 2), dtype=np.float64)}
    sums.update((op.name, np.zeros(())) for op in graph.ops)
    done = 0
    for batch in batches(len(frames), frames.shape[1:]):
        for op, y in run_float(graph, frames[batch]):
            if op.name in histograms:
                histograms[op.name].add(y)
            part = y.mean(axis=(0, 1, 2), dtype=np.float64)
            sums[op.name] = sums[op.name] + part * (len(y) / len(frames))
        done += len(y)
        progress.advance(done, len(frames))
    return Statistics(histograms, sums)
