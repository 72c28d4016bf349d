"""The options of ``python -m gen``."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from boards import BOARDS
from boards.board import Board
from gen.emit import check_clock, check_output, emit
from gen.errors import FirebrickError
from gen.images import PRESETS
from gen.load import Request, load_network
from gen.phases import phases
from gen.planner import plan
from gen.report import WIDTH, report

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


def _board_lines() -> str:
    lines = []
    for board in BOARDS.values():
        has = board.resources
        lines.append(
            f"[bold]{board.name}[/bold]: {board.title}, {has.lut} LUT, {has.dsp} DSP, "
            f"{has.bram36:g} RAMB36, {board.clock_hz / 1e6:g} MHz"
        )
    return "\n\n".join(lines)


_HELP = f"""
Turn a SqueezeNet-family network into the sources of an FPGA bitstream.

Without --model, the network that ships with firebrick is taken: CIFAR-10's ten classes.

[bold]Boards[/bold]

{_board_lines()}

[bold]Examples[/bold]

python -m gen --board arty_a7

python -m gen --board genesys2 --model squeezenet1.1.onnx --calibrate photos/

python -m gen --board arty_a7 --model mine.onnx --calibrate photos/ --weight-bits 4 --clock 80

[bold]What comes out[/bold], in build/BOARD unless --out says otherwise

[bold]top.il, top.v, top.xdc[/bold]: the design and its constraints

[bold]build_vivado.tcl, build_open.sh[/bold]: scripts that make the bitstream from them

[bold]network.npz, plan.json, report.txt[/bold]: integers, folding, and the tables shown

[bold]sim_top.il, sim_top.v[/bold]: what python -m sim and python -m host --sim run
"""


@app.callback(invoke_without_command=True, help=_HELP)
def generate(
    context: typer.Context,
    board: Annotated[
        str | None, typer.Option(help="Board to generate for; the list is above.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Network: float or quantised (QDQ) ONNX, or a network.npz."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder of photographs to quantise a float model with; no labels."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder; build/BOARD if not given.")
    ] = None,
    clock: Annotated[
        float | None, typer.Option(help="Clock in MHz; the board's if not given.")
    ] = None,
    weight_bits: Annotated[
        int | None,
        typer.Option(min=2, max=8, help="Bits a weight of a float model; 8 if not given."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Picks the images out of a large calibration folder.")
    ] = 0,
    preprocess: Annotated[
        str | None,
        typer.Option(
            help="Pixels that a float model expects: "
            f"{', '.join(PRESETS)}; if not given, what the file says, else imagenet."
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Text file of class names, one a line.")
    ] = None,
) -> None:
    """Do what plain options ask for; the help text is ``_HELP``."""
    if context.invoked_subcommand is not None:
        return
    target = _board(board)
    folder = out if out is not None else Path("build") / target.name
    clock_hz = target.clock_hz if clock is None else _hertz(clock)
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
    console.print(f"\nWrote [bold]{folder}[/bold]. Next:", highlight=False)
    for command, purpose in (
        (f"python -m sim --build {folder} IMAGE...", "run the hardware in simulation"),
        (f"python -m host --sim {folder} IMAGE...", "classify through the host's driver"),
        (f"cd {folder} && vivado -mode batch -source build_vivado.tcl", "build the bitstream"),
        (f"cd {folder} && sh build_open.sh CHIPDB PRJXRAY_DB", "the same with open tools"),
    ):
        console.print(f"  {command}  [dim]# {purpose}[/dim]", highlight=False, soft_wrap=True)
