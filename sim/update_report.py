"""What came of an update, for people and for programs."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from gen.common.keys import load_key
from gen.common.progress import progress_line
from gen.formats.read import read_quantised
from gen.ir.preprocessing import UNSAID
from sim.frames import GeneratedBoard
from sim.simulator import Simulator
from sim.update import Phase, Update, UpdateResult, run_update
from sim.verilate import build


def show_update(
    board: GeneratedBoard, frames: np.ndarray, network: Path, key: Path | None, *, json: bool
) -> bool:
    """Run frames before, amid and after an update, and print what comes of them.

    Parameters
    ----------
    board : GeneratedBoard
    frames : uint8 array (N, height, width, channels)
    network : Path
        Of a quantised network.
    key : Path or None
        File of the board's key.
    json : bool
        Whether to print JSON in the place of tables.

    Returns
    -------
    bool
        Whether all is as it should be.

    Raises
    ------
    FirebrickError
        If a file cannot be read, the network does not fit, or the board refuses it.
    """
    secret = None if key is None else load_key(key)
    update = Update.of(board, read_quantised(network, UNSAID), secret)
    with progress_line("Verilator") as progress:
        library = build(board.folder.sim_verilog, board.folder.simulation, progress=progress)
    with progress_line("simulating") as progress, Simulator(library) as simulator:
        progress.begin("frames")
        result = run_update(simulator, update, frames, progress=progress)
    if json:
        print(json_format.dumps(update_json(update, result), indent=2))
    else:
        for item in update_tables(update, result):
            Console().print(item, soft_wrap=isinstance(item, str))
    return result.right


def update_json(update: Update, result: UpdateResult) -> dict[str, Any]:
    """All of it as plain data.

    Parameters
    ----------
    update : Update
    result : UpdateResult
    """
    return {
        "board": update.board.plan.board,
        "before": update.board.network.digest.hex(),
        "after": update.network.digest.hex(),
        "memories": update.memories,
        "bytes": update.sent_bytes,
        "cycles": result.cycles,
        "clock_hz": update.board.plan.clock_hz,
        "right": result.right,
        "phases": [
            {
                "phase": phase.name,
                "frames": len(phase.sums),
                "refused": phase.refused,
                "wrong": phase.wrong,
                "sums": phase.sums.tolist(),
            }
            for phase in result.phases
        ],
    }


def update_tables(update: Update, result: UpdateResult) -> list[RenderableType]:
    """A line for each time, and what the update took.

    Parameters
    ----------
    update : Update
    result : UpdateResult
    """
    old, new = update.board.network, update.network
    table = Table(title=f"{old.name}, then {new.name}", title_justify="left")
    for name in ("update", "frames", "refused", "wrong", "classes"):
        table.add_column(name, justify="left" if name in ("update", "classes") else "right")
    for phase, labels in zip(result.phases, (old.labels, None, new.labels), strict=True):
        counts = (str(n) for n in (len(phase.sums), phase.refused, phase.wrong))
        table.add_row(phase.name, *counts, _classes(phase, labels))
    milliseconds = 1e3 * result.cycles / update.board.plan.clock_hz
    text = (
        f"{update.memories} memories, {update.sent_bytes} bytes, {result.cycles} cycles "
        f"({milliseconds:.2f} ms), with a link of a byte a cycle and the frames amid it."
    )
    verdict = Text("Frames before and after the update equal the golden model's.", "green")
    if not result.right:
        verdict = Text(
            "mismatch: frames are answered amid it, or are not what they should be", "red"
        )
    return [table, text, verdict]


def _classes(phase: Phase, labels: tuple[str, ...] | None) -> str:
    """The likeliest of each frame, of some."""
    if labels is None:
        return ""
    found = dict.fromkeys(labels[int(np.argmax(sums))] for sums in phase.sums)
    return ", ".join(list(found)[:3])
