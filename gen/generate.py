"""What ``python -m gen --board NAME`` does: from a network to a folder of bitstream sources."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from boards import BOARDS
from boards.board import Board
from gen.arguments import NetworkOptions
from gen.auto_clock import build_fastest
from gen.backend.bitstream import check_met, check_tools
from gen.backend.report import WIDTH, report
from gen.backend.routing import routing_table
from gen.backend.rtlil import check_yosys
from gen.backend.synth_report import synthesis_report
from gen.board_build import Builder, Built
from gen.common.build_folder import BUILD, BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import phases
from gen.compare import load_build
from gen.compile import compile_network
from gen.ir.network import QuantizedNetwork
from gen.link_options import Address, on_lan
from gen.plan.link import check_clock
from gen.plan.linked import LinkedGoal
from gen.plan.planner import Goal
from gen.report.advice import advice
from gen.report.comparison import to_json
from gen.report.figures import Figures
from gen.update_options import Updates, as_asked, room_for
from protocol.packets import UDP_PORT

RAW, CODED = "raw", "coded"
"""What ``--frames`` takes."""
FORMS = {None: None, RAW: False, CODED: True}
AUTO = "auto"
SEEDS = (1, 2, 3)
"""Of a placement, tried one after another unless one is asked for."""
"""The ``--clock`` that is to be found."""


@dataclass(frozen=True)
class Target:
    """The board and what about it may be chosen, as the command line has it.

    Attributes
    ----------
    board : str or None
    clock : str or None
        In MHz, or ``auto``; the board's if None.
    baud : int or None
        What is usual for the board and its clock if None.
    out : Path or None
        ``build/BOARD`` if None.
    network : Address or None
        Where the board is on the network if its link is Ethernet; a UART if None.
    frames : str or None
        What it takes: ``raw`` ones, or ``coded`` ones too; as the link needs it if None.
    updates : Updates or None
        How it takes new contents, if it does.
    """

    board: str | None
    clock: str | None = None
    baud: int | None = None
    out: Path | None = None
    network: Address | None = None
    frames: str | None = None
    updates: Updates | None = None

    def found(self) -> Board:
        """The board that is named, with its link.

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
        keyed = self.updates is not None and self.updates.key is not None
        board = replace(BOARDS[self.board], keyed=keyed)
        if self.network is not None:
            return on_lan(board, self.network)
        if self.baud is None:
            return replace(board, baud=board.bridge.usual(self._hz(board)))
        most = board.bridge.most_baud
        if self.baud > most:
            raise FirebrickError(
                f"board {board.name}: its USB bridge does at most {most} baud, not {self.baud}; "
                "choose a lower --baud"
            )
        return replace(board, baud=self.baud)

    def linked(self, wishes: Wishes) -> LinkedGoal:
        """What is to be planned.

        Raises
        ------
        FirebrickError
            If there are no such frames, or as :meth:`found` and :class:`gen.plan.planner.Goal` do.
        """
        if self.frames not in FORMS:
            raise FirebrickError(f"unknown --frames {self.frames!r}; there are {RAW} and {CODED}")
        goal = Goal(self.found(), self.clock_hz(), wishes.fps, wishes.utilisation)
        usual = self.baud is None and self.network is None
        return LinkedGoal(goal, FORMS[self.frames], usual, wishes.past_link)

    @property
    def automatic(self) -> bool:
        """Whether the clock is to be found."""
        return self.clock == AUTO

    def clock_hz(self) -> int:
        """The accelerator's clock; the one to begin with where it is to be found.

        Raises
        ------
        FirebrickError
            If what is asked for is no number.
        """
        return self._hz(self.found())

    def _hz(self, board: Board) -> int:
        """The same for this board."""
        if self.clock is None or self.automatic:
            return board.clock_hz
        try:
            mhz = float(self.clock)
        except ValueError:
            mhz = nan
        if not isfinite(mhz):
            raise FirebrickError(f"--clock takes a number of MHz, or auto, not {self.clock}")
        return round(mhz * 1e6)


@dataclass(frozen=True)
class Wishes:
    """What is made, and how fast, as the command line has it.

    Attributes
    ----------
    fps : float or None
        Frames a second that will do; the most that fits if None.
    utilisation : float
        Part of the device's LUTs to plan with.
    synth : bool
        Synthesise too, and compare.
    bitstream : bool
        Make the bitstream too.
    route_seed : int or None
        Of its placement; if None, :data:`SEEDS`, one after another.
    past_link : bool
        Make so many frames a second even if the link carries fewer.
    """

    fps: float | None
    utilisation: float
    synth: bool = False
    bitstream: bool = False
    route_seed: int | None = None
    past_link: bool = False

    def seeds(self, *, automatic: bool) -> tuple[int, ...]:
        """Those of the placement: a single one if the clock is found by what it reaches."""
        if self.route_seed is not None:
            return (self.route_seed,)
        return SEEDS[:1] if automatic else SEEDS

    def check(self, board: Board) -> None:
        """Check that they go together and that the tools are there.

        Raises
        ------
        FirebrickError
            If not, with what to do.
        """
        if self.route_seed is not None and not self.bitstream:
            raise FirebrickError("--route-seed is for --bitstream; give that too, or leave it out")
        if self.route_seed is not None and board.family != "ecp5":
            raise FirebrickError(
                f"--route-seed is for nextpnr; {board.name} is built with Vivado, which has none: "
                "leave it out"
            )
        check_yosys()
        if self.bitstream:
            check_tools(board)


def generate(
    options: NetworkOptions, target: Target, wishes: Wishes, *, json: bool = False
) -> None:
    """Load the network, build it for the board and show the report.

    Parameters
    ----------
    options : NetworkOptions
    target : Target
    wishes : Wishes
    json : bool
        Whether to print JSON in the place of the report.

    Raises
    ------
    FirebrickError
        If the options do not go together, the network does not fit, or a bitstream was asked for
        and its timing is not met.
    """
    linked = target.linked(wishes)
    board = linked.goal.board
    folder = BuildFolder(target.out if target.out is not None else BUILD / board.name)
    clock_hz = linked.goal.clock
    wishes.check(board)
    folder.check_writable(options.files)
    check_clock(board, clock_hz)

    updates = target.updates
    request = options.request(room_for(linked, updates))
    with phases() as display:
        network = as_asked(compile_network(request, progress=display), updates)
        key = None if updates is None else updates.key
        seeds = wishes.seeds(automatic=target.automatic)
        builder = Builder(network, linked, display, wishes.synth, wishes.bitstream, seeds, key)
        if target.automatic:
            built = build_fastest(builder, folder, clock_hz)
        else:
            built = builder.build(clock_hz, folder)
    if json:
        _print_json(built, folder)
    else:
        _show(network, built, linked, folder)


def _print_json(built: Built, folder: BuildFolder) -> None:
    """Print all figures, if all is as it should be."""
    print(to_json([load_build(folder.path)]))
    if built.routing is not None:
        check_met(built.routing, built.board)


def _show(network: QuantizedNetwork, built: Built, linked: LinkedGoal, folder: BuildFolder) -> None:
    """Print the report, and what to do next if all is as it should be."""
    board = built.board
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(_report(network, built, board, console.width))
    kept = folder.kept_files()
    if kept:
        text = f"\nKept in {folder}, though of an earlier build perhaps: {', '.join(kept)}"
        console.print(text, style="yellow", markup=False, soft_wrap=True)
    if built.routing is not None:
        check_met(built.routing, board)
    for text in advice(Figures(network, built.plan, board), linked):
        console.print(Text(f"\n{text}", "yellow"), soft_wrap=True)
    _next_steps(
        console,
        board,
        folder,
        bitstream=built.routing is not None,
        updatable=network.updatable,
    )


def _report(network: QuantizedNetwork, built: Built, board: Board, width: int) -> RenderableType:
    """What the folder's report says."""
    parts: list[RenderableType] = [report(network, built.plan, board, width)]
    if built.synthesis is not None:
        parts.append(synthesis_report(built.plan, built.synthesis))
    if built.routing is not None:
        parts.append(routing_table(built.routing))
    return Group(*parts)


def _next_steps(
    console: Console, board: Board, folder: BuildFolder, *, bitstream: bool, updatable: bool
) -> None:
    path, python = shlex.quote(str(folder)), _python()
    console.print(Text.assemble("\nWrote ", (str(folder), "bold"), ". Next:"), soft_wrap=True)
    to_board = [(f"cd {path} && {s.command}", s.purpose) for s in board.platform().build_steps]
    if bitstream:
        to_board = [(f"{python} -m host program {path}", "load the bitstream")]
    updates = []
    if updatable:
        key = " --key FILE" if board.keyed else ""
        command = f"{python} -m host update NETWORK {_way(board)} --build {path}{key}"
        updates = [(command, "give the board other weights")]
    for command, purpose in (
        (f"{python} -m sim --build {path} IMAGE...", "run the hardware in simulation"),
        (f"{python} -m host --sim {path} IMAGE...", "classify through the host's driver"),
        (f"{python} -m sim board {path}", "serve a simulated board, its link included"),
        *to_board,
        (f"{python} -m host {_way(board)} --build {path} IMAGE...", "classify on the board"),
        *updates,
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
