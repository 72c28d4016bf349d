"""From an emitted folder to a bitstream for a 7-series FPGA: Vivado in batch mode."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from boards.board import Board
from boards.sources import TIMING_NOT_MET
from boards.vivado import EDITIONS
from gen.backend.routing import ClockRate, Routing
from gen.backend.tools import ToolFailed, require_tool, run_tool
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress

SCRIPT = "build_vivado.tcl"
_STAGES = {
    "Starting synth_design": "synthesise",
    "Starting Logic Optimization": "optimise",
    "Starting Placer": "place",
    "Starting Routing": "route",
    "Creating bitstream": "write the bitstream",
}
"""What Vivado says when it begins to."""
_SLACKS = 12
"""Columns of setup, hold and pulse width in a row of slacks."""
_RESOURCES = {
    "Slice LUTs": "lut",
    "Slice Registers": "ff",
    "DSPs": "dsp",
    "Block RAM Tile": "bram36",
}
"""By their names in ``report_utilization``."""


def build_vivado(folder: BuildFolder, board: Board, *, progress: Progress = SILENT) -> Routing:
    """Run an emitted folder's Vivado script: a bitstream, if it is fast enough.

    Parameters
    ----------
    folder : BuildFolder
    board : Board
        That it was emitted for, with a 7-series FPGA.
    progress : Progress
        Told the stages.

    Raises
    ------
    FirebrickError
        If Vivado is missing or fails.
    """
    path = folder.path
    vivado = require_tool("vivado", vivado_remedy(board))
    reports = path / "timing.rpt", path / "utilization.rpt"
    for stale in (folder.bitstream, folder.bitstream.with_suffix(".bin"), *reports):
        stale.unlink(missing_ok=True)
    command = [vivado, "-mode", "batch", "-nojournal", "-nolog", "-source", SCRIPT]
    met = False
    try:
        _run(command, folder, progress)
        found = read_reports(*map(_text, reports))
        met = found.met
    finally:
        if not met:
            folder.bitstream.unlink(missing_ok=True)
    return found


def _run(command: Sequence[str], folder: BuildFolder, progress: Progress) -> None:
    """Run Vivado; that timing is not met is no failure, since the reports tell."""
    try:
        log = folder.path / "vivado.log"
        run_tool(command, folder.path, log, lambda line: _listen(line, progress))
    except ToolFailed as error:
        if error.status != TIMING_NOT_MET or not (folder.path / "timing.rpt").is_file():
            raise


def vivado_remedy(board: Board) -> str:
    """What to do without Vivado."""
    edition = EDITIONS[board.platform().device]
    return (
        f"{board.name} wants {edition}: put it on PATH (`source .../settings64.sh`); or leave out "
        f"--bitstream, copy the folder to where Vivado is, and run `vivado -mode batch -source "
        f"{SCRIPT}` there. With open tools, as an experiment: the first lines of build_open.sh"
    )


def _listen(line: str, progress: Progress) -> None:
    for begins, stage in _STAGES.items():
        if line.startswith(begins):
            progress.begin(stage)


def _text(report: Path) -> str:
    try:
        return report.read_text(errors="replace")
    except OSError as error:
        raise FirebrickError(f"{report}: Vivado left no such report ({error.strerror})") from None


def read_reports(timing: str, utilisation: str) -> Routing:
    """What ``report_timing_summary`` and ``report_utilization`` say.

    Parameters
    ----------
    timing, utilisation : str

    Raises
    ------
    FirebrickError
        If they are not as Vivado writes them.
    """
    try:
        return _read(timing, utilisation)
    except (KeyError, ValueError) as error:
        raise FirebrickError(
            f"Vivado's timing.rpt or utilization.rpt cannot be read ({error}); "
            "run the script by hand, and read them"
        ) from None


def _read(timing: str, utilisation: str) -> Routing:
    periods = {row[0]: float(row[2]) for row in _table(timing, "Clock Summary")}
    clocks = tuple(
        ClockRate(name, 1e3 / (periods[name] - float(slack)), 1e3 / periods[name])
        for name, slack, *others in _table(timing, "Intra Clock Table")
        if len(others) == _SLACKS - 1  # others than clocks that drive no register
    )
    overall = next(_table(timing, "Design Timing Summary"), [])
    used = dict(_used(utilisation))
    if not clocks or len(overall) != _SLACKS or {*used} != {*_RESOURCES.values()}:
        raise ValueError("a table is missing")
    setup, hold = float(overall[0]), float(overall[4])
    return Routing("Vivado", clocks, used, setup_slack=setup, hold_slack=hold)


def _table(report: str, title: str) -> Iterator[list[str]]:
    """Cells of the rows of a table: from below the rule under its heads to an empty line."""
    _, _, rest = report.partition(f"| {title}\n")
    rule = re.search(r"^ *-+  +-.*\n", rest, re.MULTILINE)
    rows = rest[rule.end() :] if rule else ""
    for line in re.sub(r"\{[^}]*\}", "{}", rows).splitlines():
        if not line.strip():
            return
        yield line.split()


def _used(report: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Rows of the tables of primitives: name, used, (fixed, prohibited,) available, per cent."""
    for line in report.splitlines():
        cells = [cell.strip() for cell in line.strip("| \n").split("|")]
        name = _RESOURCES.get(cells[0].rstrip("*"))
        if name is not None and len(cells) >= 5:
            yield name, (float(cells[1]), float(cells[-2]))
