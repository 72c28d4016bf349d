"""The options of ``python -m gen``."""

from __future__ import annotations

import shlex
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from boards import BOARDS
from boards.board import Board
from gen.emit import check_clock, check_output, emit
from gen.errors import FirebrickError
from gen.images import PRESETS
from gen.load import Request, load_network
from gen.phases import phases
from gen.planner import plan
from gen.report import WIDTH, report
from gen.rtlil import check_yosys

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


def _board_lines() -> str:
    lines = []
    for board in BOARDS.values():
        has = board.resources
        lines.append(
            f"[bold]{board.name}[/bold]: {board.title}, {has.lut} LUT, {has.dsp} DSP, "
            f"{has.bram36:g} RAMB36, {board.clock_hz / 1e6:g} MHz"
        )
    return "\n".join(lines)


_HELP = f"""
Turn a SqueezeNet-family network into the sources of an FPGA bitstream.

Without --model, the network that ships with firebrick is taken: CIFAR-10's ten classes.

\b
[bold]Boards[/bold]
{_board_lines()}

\b
[bold]Examples[/bold]
python -m gen --board arty_a7
python -m gen --board genesys2 --model squeezenet1.1.onnx --calibrate photos/
python -m gen --board arty_a7 --model squeezenet1.1.onnx --calibrate photos/ \\
    --weight-bits 4 --clock 80 --out build/small

\b
[bold]What comes out[/bold], in build/BOARD unless --out says otherwise
[bold]top.il, top.v, top.xdc[/bold]: the design and its constraints
[bold]build_vivado.tcl, build_open.sh[/bold]: make the bitstream from them
[bold]network.npz, plan.json, report.txt[/bold]: integers, folding, the tables shown
[bold]sim_top.il, sim_top.v[/bold]: what python -m sim and python -m host --sim run
"""


@app.command(help=_HELP)
def generate(
    board: Annotated[
        str | None, typer.Option(metavar="NAME", help="Board to generate for; the list is above.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Network: float or quantised (QDQ) ONNX, or a network.npz.",
        ),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of photographs to quantise a float model with; no labels."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder; build/BOARD if not given.")
    ] = None,
    clock: Annotated[
        float | None, typer.Option(metavar="MHZ", help="Clock; the board's if not given.")
    ] = None,
    weight_bits: Annotated[
        int | None,
        typer.Option(
            metavar="BITS", min=2, max=8, help="Bits a weight of a float model; 8 if not given."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Picks the images out of a large calibration folder.")
    ] = 0,
    preprocess: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Pixels that a float model expects: "
            f"{', '.join(PRESETS)}; if not given, what the file says, else imagenet.",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Text file of class names, one a line.")
    ] = None,
) -> None:
    """Do what plain options ask for; the help text is ``_HELP``."""
    target = _board(board)
    folder = out if out is not None else Path("build") / target.name
    clock_hz = target.clock_hz if clock is None else _hertz(clock)
    check_yosys()
    check_output(folder)
    check_clock(target, clock_hz)
    request = Request(model, calibrate, weight_bits, seed, preprocess, labels)
    with phases() as display:
        network = load_network(request, display)
        display.begin("plan")
        made = plan(network, target, clock_hz, boards=tuple(BOARDS.values()))
        emit(network, made, target, folder, display.begin)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(report(network, made, target, console.width))
    _next_steps(console, folder)


def _board(name: str | None) -> Board:
    known = ", ".join(BOARDS)
    if name is None:
        raise FirebrickError(f"say which board with --board; known are {known}")
    if name not in BOARDS:
        raise FirebrickError(f"unknown board {name!r}; known are {known}")
    return BOARDS[name]


def _hertz(megahertz: float) -> int:
    if not isfinite(megahertz):
        raise FirebrickError(f"--clock takes a number of MHz, not {megahertz}")
    return round(megahertz * 1e6)


def _next_steps(console: Console, folder: Path) -> None:
    path = shlex.quote(str(folder))
    console.print(Text.assemble("\nWrote ", (str(folder), "bold"), ". Next:"), soft_wrap=True)
    for command, purpose in (
        (f"python -m sim --build {path} IMAGE...", "run the hardware in simulation"),
        (f"python -m host --sim {path} IMAGE...", "classify through the host's driver"),
        (f"cd {path} && vivado -mode batch -source build_vivado.tcl", "build the bitstream"),
        (f"cd {path} && sh build_open.sh CHIPDB PRJXRAY_DB", "the same with open tools"),
    ):
        line = Text.assemble(f"  {command}  ", (f"# {purpose}", "dim"))
        console.print(line, soft_wrap=True)
