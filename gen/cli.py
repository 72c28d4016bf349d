"""The options of ``python -m gen``."""

from __future__ import annotations

import shlex
from dataclasses import replace
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
from gen.planner import UTILISATION, headroom, plan
from gen.report import WIDTH, report
from gen.rtlil import check_yosys
from gen.synth import RESULT, comparison, save, synthesise
from gen.widths import Widths

RAMB36_BITS = 36 * 1024
FOR_WEIGHTS = 0.95
"""Part of a board's block RAM that weights get where firebrick chooses their bits."""

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
[bold]top.il, top.v, top.xdc or top.lpf[/bold]: the design and its constraints
[bold]build_open.sh, build_vivado.tcl[/bold]: make the bitstream from them
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
            help="Network: float or quantised (QDQ) ONNX, the Deep Compression authors' "
            "compressed_SqueezeNet.net, or a network.npz.",
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
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=9600,
            help="Bits a second of the serial line, as fast as the board's USB bridge can: up to "
            "12000000 on those boards; the board's if not given.",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames a second that will do: plans the smallest design that reaches them. The "
            "fastest that fits, if not given.",
        ),
    ] = None,
    utilisation: Annotated[
        float,
        typer.Option(metavar="PART", help="Part of the device's LUTs that may be planned with."),
    ] = UTILISATION,
    weight_bits: Annotated[
        str | None,
        typer.Option(
            metavar="BITS",
            help="Bits a weight of a float model, 2 to 8; 8 if not given. Layers may have their "
            "own: 4,conv10=3,fire9*=5. Below 6, the first layer keeps 8 unless it is named.",
        ),
    ] = None,
    memory_budget: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            min=1,
            help="Bits for all weights of a float model together; each layer gets the width that "
            "loses least, but for layers named in --weight-bits.",
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
    synth: Annotated[
        bool,
        typer.Option("--synth", help="Also synthesise with Yosys, and compare with the estimates."),
    ] = False,
) -> None:
    """Do what plain options ask for; the help text is ``_HELP``."""
    target = _board(board)
    if baud is not None:
        target = replace(target, baud=baud)
    folder = out if out is not None else Path("build") / target.name
    clock_hz = target.clock_hz if clock is None else _hertz(clock)
    check_yosys()
    check_output(folder)
    check_clock(target, clock_hz)
    widths = None if weight_bits is None else Widths.parse(weight_bits)
    limit = int(target.resources.bram36 * RAMB36_BITS * FOR_WEIGHTS)
    request = Request(model, calibrate, widths, memory_budget, limit, seed, preprocess, labels)
    with phases() as display:
        network = load_network(request, display)
        display.begin("plan")
        made = plan(
            network,
            target,
            clock_hz,
            fps=fps,
            utilisation=utilisation,
            boards=tuple(BOARDS.values()),
        )
        display.begin("ask what more would bring")
        made = replace(made, headroom=headroom(network, target, made, utilisation))
        emit(network, made, target, folder, display.begin)
        if synth:
            display.begin("synthesise")
            counts = synthesise(folder, target.family, network, display.advance)
            save(folder / RESULT, target.family, made, counts)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(report(network, made, target, console.width))
    if synth:
        console.print(comparison(made, counts))
    _next_steps(console, target, folder)


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


def _next_steps(console: Console, board: Board, folder: Path) -> None:
    path = shlex.quote(str(folder))
    console.print(Text.assemble("\nWrote ", (str(folder), "bold"), ". Next:"), soft_wrap=True)
    for command, purpose in (
        (f"python -m sim --build {path} IMAGE...", "run the hardware in simulation"),
        (f"python -m host --sim {path} IMAGE...", "classify through the host's driver"),
        *((f"cd {path} && {step.command}", step.purpose) for step in board.platform().build_steps),
    ):
        line = Text.assemble(f"  {command}  ", (f"# {purpose}", "dim"))
        console.print(line, soft_wrap=True)
