"""Where the boxes of a network's graph are: from left to right, in bands, as text is in lines.

A node is a column to the right of all that it reads, but what reads a tap of another's windows is
in that one's column. What skips columns passes each of them in a place of its own, so that it runs
behind no box. Within a column, places are in the order of what they read. Bands end where few
streams cross.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gen.ir.ops import INPUT
from gen.report.figures import Figures
from gen.report.rows import Stream

BOX = (122, 66)
"""Width and height."""
GAP = (34, 12)
"""Between boxes, across and down."""
PASSING = 10
"""Height of the place of a stream that skips a level."""
MARGIN = 22
"""Left and right of a band, where streams go on to the next one."""
GUTTER = 22
"""Between bands, besides what crosses there."""
LANE = 7
"""Between streams that go on to the next band."""
SLACK = 3
"""Columns by which a band may be shorter, if fewer streams cross there."""

Point = tuple[float, float]
Place = tuple[str, int]
"""A node's own, by name and level; or that of a stream, by its node, where it passes a level."""


@dataclass(frozen=True)
class Box:
    """Where a node is drawn."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Arrow:
    """A stream, as corners from its source to its target."""

    stream: Stream
    corners: tuple[Point, ...]

    @property
    def path(self) -> str:
        """The ``d`` of an SVG path: curves across, straight lines round the end of a band."""
        (x, y), *others = self.corners
        parts = [f"M{x:g} {y:g}"]
        for right, down in others:
            bend = (x + right) / 2
            curved = right > x and down != y
            ways = (f"C{bend:g} {y:g} {bend:g} {down:g} {right:g} {down:g}", f"L{right:g} {down:g}")
            parts.append(ways[0] if curved else ways[1])
            x, y = right, down
        return "".join(parts)


@dataclass(frozen=True)
class Layout:
    """A graph, ready to be drawn."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def lay_out(figures: Figures, columns: int) -> Layout:
    """Place the network's graph in bands of at most so many columns."""
    levels = _levels(figures)
    placed = _order(levels, figures.streams)
    bands = list(_bands(placed, columns))
    return _Placing(levels, placed, bands).layout(figures.streams)


def _levels(figures: Figures) -> dict[str, int]:
    """The column of each node."""
    found = {INPUT: 0}
    for name, edges in figures.graph.edges.items():
        found[name] = max(found[edge.source] + (not edge.tap) for edge in edges)
    return found


def _order(levels: Mapping[str, int], streams: Sequence[Stream]) -> list[list[Place]]:
    """The places of each level, from above, each as high as what it reads, at the middle."""
    reads: defaultdict[Place, list[Place]] = defaultdict(list)
    columns: list[list[Place]] = [[] for _ in range(max(levels.values()) + 1)]
    for name, level in levels.items():
        columns[level].append((name, level))
    for stream in streams:
        way = _way(stream, levels)
        for before, place in pairwise(way):
            reads[place].append(before)
            if place not in columns[place[1]]:
                columns[place[1]].insert(0, place)
    height: dict[Place, float] = {}
    for column in columns:
        for index, place in enumerate(column):
            above = [height[before] for before in reads[place]]
            height[place] = sum(above) / len(above) if above else index
        column.sort(key=lambda place: height[place])
        for index, place in enumerate(column):
            height[place] = index - (len(column) - 1) / 2
    return columns


def _way(stream: Stream, levels: Mapping[str, int]) -> list[Place]:
    """The places that a stream goes by; those that it passes are the same for all readers."""
    first, last = levels[stream.source], levels[stream.target]
    return [
        *((stream.source, level) for level in range(first, last)),
        (stream.target, last),
    ]


def _bands(columns: Sequence[Sequence[Place]], most: int) -> Iterator[range]:
    """Ranges of levels, each a band."""
    start = 0
    while len(columns) - start > most:
        ends = range(max(start + 1, start + most - SLACK), start + most + 1)
        end = min(ends, key=lambda level: (len(columns[level - 1]) + len(columns[level]), -level))
        yield range(start, end)
        start = end
    yield range(start, len(columns))


class _Placing:
    """Gives every place its coordinates.

    Parameters
    ----------
    levels : mapping of int
        By node.
    columns : sequence of sequence of Place
        By level.
    bands : sequence of range
        Of levels.
    """

    def __init__(
        self,
        levels: Mapping[str, int],
        columns: Sequence[Sequence[Place]],
        bands: Sequence[range],
    ):
        self._levels, self._columns, self._bands = levels, columns, bands
        self._band = {level: n for n, band in enumerate(bands) for level in band}
        self._left: dict[Place, Point] = {}
        self._gutters: list[float] = []
        self._crossed: defaultdict[int, dict[Place, int]] = defaultdict(dict)
        self.width = 2 * MARGIN + max(map(len, bands)) * (BOX[0] + GAP[0]) - GAP[0]
        self.height = self._place()

    def _place(self) -> float:
        """Fill in the left middle of every place; returns the height of all."""
        top = 4.0
        for number, band in enumerate(self._bands):
            tall = max(self._tall(self._columns[level]) for level in band)
            for level in band:
                self._fill(level, MARGIN + (level - band.start) * (BOX[0] + GAP[0]), top, tall)
            crossing = len(self._columns[band.stop - 1]) if number + 1 < len(self._bands) else 0
            top += tall
            self._gutters.append(top + GUTTER / 2)
            top += GUTTER + LANE * crossing
        return top - GUTTER + 4

    def _fill(self, level: int, x: float, top: float, tall: float) -> None:
        """Stack a column at the middle of its band."""
        column = self._columns[level]
        y = top + (tall - self._tall(column)) / 2
        for place in column:
            self._left[place] = x, y + self._size(place) / 2
            y += self._size(place) + GAP[1]

    def _size(self, place: Place) -> float:
        return BOX[1] if self._levels[place[0]] == place[1] else PASSING

    def _tall(self, column: Sequence[Place]) -> float:
        return sum(map(self._size, column)) + GAP[1] * (len(column) - 1)

    def layout(self, streams: Sequence[Stream]) -> Layout:
        """All boxes and arrows."""
        boxes = []
        for name, level in self._levels.items():
            x, y = self._left[name, level]
            boxes.append(Box(name, x, y - BOX[1] / 2))
        arrows = tuple(Arrow(stream, tuple(self._corners(stream))) for stream in streams)
        return Layout(self.width, self.height, tuple(boxes), arrows)

    def _corners(self, stream: Stream) -> Iterator[Point]:
        """From the source's right side to the target's left, straight through what it passes."""
        if stream.tap:
            yield from self._down(stream)
            return
        way = _way(stream, self._levels)
        for before, place in pairwise(way):
            x, y = self._left[before]
            yield x + BOX[0], y
            band = self._band[before[1]]
            if self._band[place[1]] != band:
                yield from self._around(band, before, self._left[place][1])
            yield self._left[place]

    def _down(self, stream: Stream) -> Iterator[Point]:
        """From one box of a column to another."""
        level = self._levels[stream.source]
        (x, start), (_, end) = (self._left[name, level] for name in (stream.source, stream.target))
        half = BOX[1] / 2 if end > start else -BOX[1] / 2
        yield from ((x + BOX[0] / 2, start + half), (x + BOX[0] / 2, end - half))

    def _around(self, band: int, source: Place, target_y: float) -> Iterator[Point]:
        """From the end of a band to the beginning of the next."""
        lanes = self._crossed[band]
        lane = lanes.setdefault(source, len(lanes)) * LANE
        right, left = self.width - MARGIN / 2 + lane / 2, MARGIN / 2 - lane / 2
        gutter, y = self._gutters[band] + lane, self._left[source][1]
        yield from ((right, y), (right, gutter), (left, gutter), (left, target_y))
