"""The options of ``python -m gen``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boards import BOARDS
from gen import arguments
from gen.arguments import NetworkOptions
from gen.common.console import GenerateByDefault
from gen.export import Targets
from gen.export import export as export_files
from gen.generate import Target
from gen.generate import generate as generate_sources
from gen.link_options import chosen_link
from gen.plan.planner import UTILISATION, check_constraints

app = typer.Typer(add_completion=False, rich_markup_mode="rich", cls=GenerateByDefault)


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
python -m gen --board arty_a7 --link ethernet --ip 192.168.1.50
python -m gen --board arty_a7 --model squeezenet1.1.onnx --calibrate photos/ \\
    --weight-bits 4 --clock 80 --out build/small
python -m gen --board genesys2 --family sr=0.25,bypass=simple --calibrate photos/

\b
[bold]Other forms of a network[/bold]: QDQ ONNX, a small compressed file
python -m gen export --help

\b
[bold]What comes out[/bold], in build/BOARD unless --out says otherwise
[bold]top.il, top.v, top.xdc or top.lpf[/bold]: the design and its constraints
[bold]liteeth_core.v[/bold]: with --link ethernet, the Ethernet core beside it
[bold]build_open.sh, build_vivado.tcl[/bold]: make the bitstream from them
[bold]network.npz, plan.json, report.txt[/bold]: integers, folding, the tables shown
[bold]sim_top.il, sim_top.v[/bold]: what python -m sim and python -m host --sim run
"""


@app.command(help=_HELP)
def generate(
    board: arguments.BoardName = None,
    model: arguments.Model = None,
    family: arguments.FamilyMember = None,
    weights: arguments.Weights = None,
    calibrate: arguments.Calibrate = None,
    out: arguments.Out = None,
    clock: arguments.Clock = None,
    baud: arguments.Baud = None,
    link: arguments.Link = "uart",
    ip: arguments.Address = None,
    mac: arguments.Mac = None,
    udp_port: arguments.UdpPort = None,
    fps: arguments.Fps = None,
    utilisation: arguments.Utilisation = UTILISATION,
    weight_bits: arguments.WeightBits = None,
    memory_budget: arguments.MemoryBudget = None,
    seed: arguments.Seed = 0,
    preprocess: arguments.Preprocess = None,
    labels: arguments.Labels = None,
    synth: arguments.Synth = False,
) -> None:
    """Do what plain options ask for; the help text is ``_HELP``."""
    check_constraints(fps, utilisation)
    generate_sources(
        NetworkOptions(
            model,
            calibrate,
            weight_bits,
            memory_budget,
            seed,
            preprocess,
            labels,
            family=family,
            weights=weights,
        ),
        Target(board, clock, baud, out, chosen_link(link, baud, ip, mac, udp_port)),
        fps=fps,
        utilisation=utilisation,
        synth=synth,
    )


_EXPORT_HELP = """
Write a quantised network in other forms: as QDQ ONNX, compressed, or as it is.

Without --model, the network that ships with firebrick is taken. Float models are quantised first,
as for a board; with --size, for an entropy coder.

\b
[bold]Examples[/bold]
python -m gen export --qdq default.onnx
python -m gen export --model squeezenet1.1.onnx --calibrate photos/ \\
    --qdq int8.onnx --npz int8.npz
python -m gen export --model squeezenet1.1.onnx --calibrate photos/ \\
    --size 500000 --fbz small.fbz
"""


@app.command(help=_EXPORT_HELP)
def export(
    qdq: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write QDQ ONNX, for ONNX Runtime and others; its input is raw RGB pixels, uint8, "
            "channels first.",
        ),
    ] = None,
    fbz: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the compressed form; --model takes it again."),
    ] = None,
    npz: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the network as firebrick keeps it.")
    ] = None,
    model: arguments.Model = None,
    family: arguments.FamilyMember = None,
    weights: arguments.Weights = None,
    calibrate: arguments.Calibrate = None,
    size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES",
            min=1,
            help="Quantise a float model so that its compressed file is about, and at most, so "
            "large: uniform steps for each layer, with a price on every bit.",
        ),
    ] = None,
    prune: Annotated[
        float,
        typer.Option(metavar="PART", help="With --size: part of the weights to set to zero first."),
    ] = 0.0,
    weight_bits: arguments.WeightBits = None,
    memory_budget: arguments.MemoryBudget = None,
    seed: arguments.Seed = 0,
    preprocess: arguments.Preprocess = None,
    labels: arguments.Labels = None,
) -> None:
    """Write files; the help text is ``_EXPORT_HELP``."""
    export_files(
        NetworkOptions(
            model,
            calibrate,
            weight_bits,
            memory_budget,
            seed,
            preprocess,
            labels,
            size,
            prune,
            family,
            weights,
        ),
        Targets(qdq, fbz, npz),
    )
