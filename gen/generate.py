"""What ``python -m gen --board NAME`` does: from a network to a folder of bitstream sources."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from rich.console import Console
from rich.text import Text

from boards import BOARDS
from boards.board import Board
from gen.arguments import NetworkOptions
from gen.backend.emit import emit
from gen.backend.report import WIDTH, report
from gen.backend.rtlil import check_yosys
from gen.backend.synth import synthesise
from gen.backend.synth_report import save, synthesis_report
from gen.common.build_folder import BUILD, BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import phases
from gen.compile import compile_network
from gen.link_options import Address, on_lan
from gen.plan.link import check_clock
from gen.plan.planner import Goal
from protocol.packets import UDP_PORT


@dataclass(frozen=True)
class Target:
    """The board and what about it may be chosen, as the command line has it.

    Attributes
    ----------
    board : str or None
    clock : float or None
        In MHz; the board's if None.
    baud : int or None
        The board's if None.
    out : Path or None
        ``build/BOARD`` if None.
    network : Address or None
        Where the board is on the network if its link is Ethernet; a UART if None.
    """

    board: str | None
    clock: float | None = None
    baud: int | None = None
    out: Path | None = None
    network: Address | None = None

    def found(self) -> Board:
        """The board that is named.

        Raises
        ------
        FirebrickError
            If none is, or one that we do not know, or its bridge cannot do that baud rate.
        """
        known = ", ".join(BOARDS)
        if self.board is None:
            raise FirebrickError(f"say which board with --board; known are {known}")
        if self.board not in BOARDS:
            raise FirebrickError(f"unknown board {self.board!r}; known are {known}")
        board = BOARDS[self.board]
        if self.network is not None:
            return on_lan(board, self.network)
        if self.baud is None:
            return board
        if self.baud > board.most_baud:
            raise FirebrickError(
                f"board {board.name}: its USB bridge does at most {board.most_baud} baud, not "
                f"{self.baud}; choose a lower --baud"
            )
        return replace(board, baud=self.baud)

    def clock_hz(self) -> int:
        """The accelerator's clock.

        Raises
        ------
        FirebrickError
            If what is asked for is no number.
        """
        if self.clock is None:
            return self.found().clock_hz
        if not isfinite(self.clock):
            raise FirebrickError(f"--clock takes a number of MHz, not {self.clock}")
        return round(self.clock * 1e6)


def generate(
    options: NetworkOptions, target: Target, *, fps: float | None, utilisation: float, synth: bool
) -> None:
    """Load the network, plan it for the board, write the folder and show the report.

    Parameters
    ----------
    options : NetworkOptions
    target : Target
    fps : float or None
        Frames a second that will do; the most that fits if None.
    utilisation : float
        Part of the device's LUTs to plan with.
    synth : bool
        Synthesise too, and compare.

    Raises
    ------
    FirebrickError
        If the options do not go together, or the network does not fit.
    """
    board = target.found()
    folder = BuildFolder(target.out if target.out is not None else BUILD / board.name)
    clock_hz = target.clock_hz()
    check_yosys()
    folder.check_writable()
    check_clock(board, clock_hz)

    goal = Goal(board, clock_hz, fps, utilisation)
    request = options.request(goal)
    with phases() as display:
        network = compile_network(request, progress=display)
        display.begin("plan")
        made = goal.plan(network, tuple(BOARDS.values()))
        display.begin("ask what more would bring")
        made = replace(made, headroom=goal.headroom(network, made))
        emit(network, made, board, folder, progress=display)
        if synth:
            display.begin("synthesise")
            synthesis = synthesise(folder, board.family, network, progress=display)
            save(folder, board.family, made, synthesis)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(report(network, made, board, console.width))
    if synth:
        console.print(synthesis_report(made, synthesis))
    kept = folder.foreign_files()
    if kept:
        text = f"\nKept in {folder}, though of an earlier build perhaps: {', '.join(kept)}"
        console.print(text, style="yellow", markup=False, soft_wrap=True)
    _next_steps(console, board, folder)


def _next_steps(console: Console, board: Board, folder: BuildFolder) -> None:
    path, python = shlex.quote(str(folder)), _python()
    console.print(Text.assemble("\nWrote ", (str(folder), "bold"), ". Next:"), soft_wrap=True)
    for command, purpose in (
        (f"{python} -m sim --build {path} IMAGE...", "run the hardware in simulation"),
        (f"{python} -m host --sim {path} IMAGE...", "classify through the host's driver"),
        (f"{python} -m sim board {path}", "serve a simulated board, its link included"),
        *((f"cd {path} && {step.command}", step.purpose) for step in board.platform().build_steps),
        (f"{python} -m host {_way(board)} --build {path} IMAGE...", "classify on the board"),
    ):
        line = Text.assemble(f"  {command}  ", (f"# {purpose}", "dim"))
        console.print(line, soft_wrap=True)


def _python() -> str:
    """What starts this Python here, whether its environment is activated or not."""
    executable, here = Path(sys.executable), Path.cwd()
    inside = executable.is_relative_to(here)
    return shlex.quote(str(executable.relative_to(here) if inside else executable))


def _way(board: Board) -> str:
    """The option with which the host finds the board."""
    station = board.station
    if station is None:
        return "--port PORT"
    port = "" if station.port == UDP_PORT else f":{station.port}"
    return f"--udp {station.address}{port}"
