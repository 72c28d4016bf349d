import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from hw.layers.window_arrivals import Onward, WindowArrivals
from hw.layers.window_geometry import WindowGeometry

GEOMETRIES = {
    "3x3": WindowGeometry(5, 6, chunks=2, kernel=3, stride=1),
    "2x2 stride 2, columns left over": WindowGeometry(5, 7, chunks=1, kernel=2, stride=2),
    "1x1": WindowGeometry(2, 3, chunks=1, kernel=1, stride=1),
    "the whole map": WindowGeometry(2, 3, chunks=3, kernel=(2, 3), stride=1),
}
FRAMES = 3


def windows(geometry: WindowGeometry) -> list[tuple[int, Onward]]:
    """Each window's last word, counted from the first frame's first, and what is behind it."""
    found: list[tuple[int, Onward]] = []
    words = geometry.height * geometry.width * geometry.chunks
    for frame in range(FRAMES):
        for row in range(geometry.rows):
            for column in range(geometry.columns):
                place = (row * geometry.width + column) * geometry.stride * geometry.chunks
                onward: Any = Onward.COLUMN if column < geometry.columns - 1 else Onward.ROW
                if column == geometry.columns - 1 and row == geometry.rows - 1:
                    onward = Onward.FRAME
                found.append((frame * words + place + geometry.span - 1, onward))
    return found


def announced(geometry: WindowGeometry, pace: float, stall: float) -> list[tuple[int, int, Onward]]:
    """For each window: words written when it was offered first, and taken, and its payload."""
    total = FRAMES * geometry.height * geometry.width * geometry.chunks
    arrivals, rng = WindowArrivals(geometry, capacity=total), random.Random(3)
    found: list[tuple[int, int, Onward]] = []

    async def testbench(ctx):
        before = offered = 0  # words of the cycles before this one
        while before < total or ctx.get(arrivals.o.valid):
            written = int(before < total and rng.random() < pace)
            ready = rng.random() >= stall
            ctx.set(arrivals.i_written, written)
            ctx.set(arrivals.o.ready, ready)
            if ctx.get(arrivals.o.valid):
                offered = offered or before
                if ready:
                    found.append((offered, before, ctx.get(arrivals.o.payload)))
                    offered = 0
            await ctx.tick()
            before += written

    simulator = Simulator(arrivals)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return found


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize(("pace", "stall"), [(1.0, 0.0), (0.4, 0.0), (0.7, 0.6)])
def test_a_window_is_announced_once_its_last_word_is_written(name, pace, stall):
    geometry = GEOMETRIES[name]
    expected = windows(geometry)
    found = announced(geometry, pace, stall)
    assert [onward for *_, onward in found] == [onward for _, onward in expected]
    for (offered, taken, _), (last, _) in zip(found, expected, strict=True):
        assert offered > last
        assert taken >= offered


def test_nothing_waits_without_need():
    geometry = GEOMETRIES["3x3"]
    # A word a cycle, and a window is offered in the cycle after its last word.
    found = announced(geometry, 1.0, 0.0)
    assert [offered - 1 for offered, *_ in found] == [last for last, _ in windows(geometry)]
