"""``--clock auto``: the fastest clock that the estimate supports, or that routing confirms."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from boards.board import Board
from gen.backend.bitstream import check_met, clock_below
from gen.board_build import Builder, Built
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError

ROUNDS = 3
"""Most clocks that are routed: each takes as long as all the rest together."""
WORTHWHILE = 1.02
"""How much faster a clock must promise to be to be routed, once one is found."""


def build_fastest(builder: Builder, folder: BuildFolder, start_hz: int) -> Built:
    """Build a folder with the fastest clock that can be found.

    The estimate gives a clock; with a bitstream, what its routing reaches gives the next one, until
    one is met that is close to what its own routing reaches.

    Parameters
    ----------
    builder : Builder
    folder : BuildFolder
    start_hz : int
        That a design is made for to be estimated.

    Raises
    ------
    FirebrickError
        As building does, or if no clock that was tried is met.
    """
    with tempfile.TemporaryDirectory(prefix="firebrick-clock-") as scratch:
        first = builder.estimated(start_hz, BuildFolder(Path(scratch) / "estimate"))
        clock_hz = _makeable(builder.board, first.mhz * 1e6)
        if not builder.bitstream:
            return builder.build(clock_hz, folder)
        best, place = _routed(builder, clock_hz, Path(scratch))
        with folder.replaced() as work:
            for name in place.names():
                shutil.move(place.path / name, work.path / name)
    return best


def _routed(builder: Builder, clock_hz: int, scratch: Path) -> tuple[Built, BuildFolder]:
    """The fastest build whose clock is met, and where it is."""
    best: tuple[Built, BuildFolder] | None = None
    for _ in range(ROUNDS):
        place = BuildFolder(scratch / str(clock_hz))
        built = builder.build(clock_hz, place)
        assert built.routing is not None
        reached_hz = _makeable(builder.board, built.routing.accelerator.achieved * 1e6)
        if built.routing.met:
            best = built, place
        if best is None and reached_hz >= clock_hz:
            break  # It is not the accelerator's clock that is too slow.
        if best is not None and reached_hz < WORTHWHILE * best[0].plan.clock_hz:
            break
        clock_hz = reached_hz
    if best is None:
        assert built.routing is not None
        check_met(built.routing, builder.board)
    assert best is not None
    return best


def _makeable(board: Board, hz: float) -> int:
    """The nearest clock below that the board can make."""
    found = clock_below(board, hz)
    if found is None:
        raise FirebrickError(
            f"--clock auto: {board.name} can make no clock as slow as the {hz / 1e6:.1f} MHz that "
            "the design is good for; plan a smaller one with --fps"
        )
    return found
