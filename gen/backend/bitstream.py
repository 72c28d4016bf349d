"""From an emitted folder to a bitstream, by what the board's FPGA wants, and what to say of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from boards.board import Board
from gen.backend.place_and_route import REMEDY, build_ecp5
from gen.backend.report import plain_text
from gen.backend.routing import Routing, routing_table
from gen.backend.tools import require_tool
from gen.backend.vivado import build_vivado, vivado_remedy
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.progress import SILENT, Progress
from gen.plan.link import check_clock

STEP_HZ = 10_000
"""Clocks that are suggested are multiples of this."""
_SLOWEST_HZ = 5_000_000


def check_tools(board: Board) -> None:
    """Check that a bitstream can be made for a board here.

    Raises
    ------
    FirebrickError
        Naming what is missing, and what to do.
    """
    if board.family == "ecp5":
        for tool in ("nextpnr-ecp5", "ecppack"):
            require_tool(tool, REMEDY)
    else:
        require_tool("vivado", vivado_remedy(board))


def build_bitstream(
    folder: BuildFolder, board: Board, *, seeds: Sequence[int] = (1,), progress: Progress = SILENT
) -> Routing:
    """Make the bitstream of an emitted design if it is fast enough, and report on it either way.

    What was found goes behind the tables in the folder's report, and to a JSON file, which also
    tells which design it is of.

    Parameters
    ----------
    folder : BuildFolder
    board : Board
        That it was emitted for.
    seeds : sequence of int
        Of the placement, where the tool takes one; others than the first one are for near misses.
    progress : Progress
        Told the stages.

    Raises
    ------
    FirebrickError
        If a tool is missing or fails, or the folder cannot be written.
    """
    folder.routing.unlink(missing_ok=True)
    if board.family == "ecp5":
        found = build_ecp5(folder, board, seeds=seeds, progress=progress)
    else:
        found = build_vivado(folder, board, progress=progress)
    entry = {"design": _digest(folder), **json.loads(found.to_json())}
    report = folder.report.read_text()
    with replacing(folder.report) as file:
        file.write(f"{report}\n{plain_text(routing_table(found))}".encode())
    with replacing(folder.routing) as file:
        file.write((json.dumps(entry, indent=2) + "\n").encode())
    return found


def _digest(folder: BuildFolder) -> str:
    """SHA-256 of the design that the folder holds."""
    return hashlib.sha256(folder.design.read_bytes()).hexdigest()


def check_met(found: Routing, board: Board) -> None:
    """Check that a routed design is as fast as is wanted.

    Raises
    ------
    FirebrickError
        Saying which clock is too slow, by how much, and what to try.
    """
    if not found.met:
        slow = "; ".join(str(clock) for clock in found.failed) or "paths from pads, or hold times"
        remedies = ", or ".join(_remedies(found, board))
        raise FirebrickError(f"timing is not met, so there is no bitstream: {slow}; try {remedies}")


def _remedies(found: Routing, board: Board) -> Iterator[str]:
    """What may help, the least costly first."""
    if found.seed is not None:
        tried = ", ".join(str(seed) for seed in sorted((found.seed, *found.others)))
        yield f"another --route-seed than {tried}"
    if not found.accelerator.met:
        slower = clock_below(board, found.accelerator.achieved * 1e6)
        yield "--clock auto" if slower is None else f"--clock {slower / 1e6:g}"
    if any(clock.of_ethernet for clock in found.failed):
        yield "a smaller design (--fps), since Ethernet's rate is given"
        yield "--link uart"
    if not found.failed:
        yield "what timing.rpt says"


def clock_below(board: Board, hz: float) -> int | None:
    """The fastest clock that a board can make and use, in steps of 0.01 MHz, up to ``hz``.

    None if there is none from 5 MHz up.

    Parameters
    ----------
    board : Board
    hz : float
    """
    for steps in range(int(hz) // STEP_HZ, _SLOWEST_HZ // STEP_HZ, -1):
        try:
            check_clock(board, steps * STEP_HZ)
        except FirebrickError:
            continue
        return steps * STEP_HZ
    return None
