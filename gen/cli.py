"""The options of ``python -m gen``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boards import BOARDS
from gen import arguments
from gen.arguments import NetworkOptions
from gen.board_table import boards as show_boards
from gen.common.build_folder import BUILD
from gen.common.console import GenerateByDefault, ProcessCount, Scheduler
from gen.common.options import with_options
from gen.compare import compare as compare_builds
from gen.core_command import HELP as CORE_HELP
from gen.core_command import core
from gen.explore.options import Choice, with_input_size
from gen.explore.run import Means
from gen.explore.run import explore as run_sweep
from gen.export import ExportedNetwork, Targets
from gen.export import export as export_files
from gen.generate import Target, Wishes
from gen.generate import generate as generate_sources
from gen.link_options import LinkOptions
from gen.plan.planner import UTILISATION, check_constraints
from gen.update_options import UpdateOptions

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    cls=GenerateByDefault,
    help="Turn a network into the sources of a bitstream, or into other forms.",
)


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
python -m gen --board ulx3s_85 --fps 200 --bitstream
python -m gen --board genesys2 --family sr=0.25,bypass=simple --calibrate photos/
python -m gen --board arty_a7 --updatable --update-key board.key

\b
[bold]IP cores[/bold] for a part of your own, with AXI4-Stream and AXI4-Lite
python -m gen core --help

\b
[bold]Other forms of a network[/bold]: QDQ ONNX, a small compressed file
python -m gen export --help

\b
[bold]Sweeps[/bold] over the SqueezeNet paper's family: what fits which board, and how fast
python -m gen explore --help

\b
[bold]Builds side by side[/bold]: rates, resources, layers
python -m gen compare --help

\b
[bold]What comes out[/bold], in build/BOARD unless --out says otherwise
[bold]top.il, top.v, top.xdc or top.lpf[/bold]: the design and its constraints
[bold]liteeth_core.v[/bold]: with --link ethernet, the Ethernet core beside it
[bold]build_open.sh, build_vivado.tcl[/bold]: make the bitstream from them
[bold]top.bit, routing.json[/bold]: with --bitstream, that, and how fast its clocks are
[bold]network.npz, plan.json, report.txt[/bold]: integers, folding, the tables shown
[bold]report.html[/bold]: the same and more in pictures, for a browser
[bold]sim_top.il, sim_top.v[/bold]: what python -m sim and python -m host --sim run
"""


@app.command(help=_HELP)
@with_options
def generate(
    *,
    board: arguments.BoardName = None,
    network: NetworkOptions,
    out: arguments.Out = None,
    clock: arguments.Clock = None,
    link: LinkOptions,
    frames: arguments.Frames = None,
    fps: arguments.Fps = None,
    past_link: arguments.PastLink = False,
    utilisation: arguments.Utilisation = UTILISATION,
    updates: UpdateOptions,
    synth: arguments.Synth = False,
    bitstream: arguments.Bitstream = False,
    route_seed: arguments.RouteSeed = None,
    json: arguments.Json = False,
) -> None:
    """Do what plain options ask for; the help text is ``_HELP``."""
    check_constraints(fps, utilisation)
    generate_sources(
        network,
        Target(board, clock, link.baud, out, link.chosen(), frames, updates.chosen()),
        Wishes(fps, utilisation, synth, bitstream, route_seed, past_link),
        json=json,
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
python -m gen export --for build/arty_a7 --model tuned.onnx --calibrate photos/ \\
    --fbz tuned.fbz
"""


@app.command(help=_EXPORT_HELP)
@with_options
def export(*, targets: Targets, network: ExportedNetwork, json: arguments.Json = False) -> None:
    """Write files; the help text is ``_EXPORT_HELP``."""
    export_files(network, targets, json=json)


app.command(help=CORE_HELP)(with_options(core))


_BOARDS_HELP = """
Show the boards: part, resources, links and what they carry, and frames a second.

Frames a second are those of plans, for the network that ships with firebrick and for SqueezeNet \
v1.1 with weights as wide as fit, each with the fastest link that leaves room for it. What links \
carry is raw frames.
"""


@app.command("boards", help=_BOARDS_HELP)
def list_boards(json: arguments.Json = False) -> None:
    """Show the boards; the help text is ``_BOARDS_HELP``."""
    show_boards(json=json)


_COMPARE_HELP = """
Put builds side by side: rates, what limits them, resources, and cycles layer by layer.

\b
[bold]Examples[/bold]
python -m gen compare build/arty_a7 build/genesys2
python -m gen compare build/a build/b build/c --html compared.html
"""


@app.command(help=_COMPARE_HELP)
def compare(
    builds: Annotated[
        list[Path], typer.Argument(metavar="BUILD...", help="Build folders, two or more.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page, with charts.")
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Compare builds; the help text is ``_COMPARE_HELP``."""
    compare_builds(builds, html, json=json)


_EXPLORE_HELP = """
Plan every point of a sweep over the SqueezeNet paper's family.

Shows which networks fit which board, how fast, what they take and what limits them; marks the \
Pareto front, and has the paper's accuracies beside what the paper measured.

Weights are drawn at random and no photographs are needed: a plan hardly depends on either.

What was planned is kept: the same command goes on where it was stopped, and a larger sweep plans \
only what is new.

\b
[bold]Examples[/bold]
python -m gen explore --board genesys2 --sweep sr=0.125:1.0:8
python -m gen explore --board genesys2 --family sr=0.5 \\
    --sweep pct_3x3=0.01:0.99:7
python -m gen explore --board arty_a7,genesys2 --bits 3c,4,8 \\
    --sweep sr=0.125:0.5:7 --sweep bypass=none,simple

\b
[bold]What comes out[/bold], in build/explore unless --out says otherwise
[bold]sweep.json, sweep.csv[/bold]: all points with all numbers
[bold]sweep.svg, sweep.png[/bold]: frames/s against parameters
[bold]results.sqlite[/bold]: everything that was ever planned there
"""


@app.command(help=_EXPLORE_HELP)
def explore(
    board: Annotated[
        str, typer.Option(metavar="NAME,...", help="Boards to plan for; `gen --help` lists them.")
    ],
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="Values of a metaparameter, FIRST:LAST:COUNT evenly spaced or A,B,C; give it "
            "several times for all combinations. Keys are those of --family of `gen`.",
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            metavar="KEY=VALUE,...",
            help="Metaparameters that are not swept; the paper's if not given.",
        ),
    ] = None,
    input_size: arguments.InputSize = None,
    bits: Annotated[
        str,
        typer.Option(
            metavar="BITS,...",
            help="Bits a weight, 2 to 8; 3c means codes of 3 bits for levels of 5, 3c4 for levels "
            "of 4. Below 6, the first layer keeps 8.",
        ),
    ] = "4,8",
    clock: Annotated[
        float | None, typer.Option(metavar="MHZ", help="Clock; each board's own if not given.")
    ] = None,
    utilisation: arguments.Utilisation = UTILISATION,
    jobs: ProcessCount = None,
    scheduler: Scheduler = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder.")] = BUILD / "explore",
    plot: Annotated[
        bool, typer.Option("--plot/--no-plot", help="Draw a plot; needs Matplotlib.")
    ] = True,
    json: arguments.Json = False,
) -> None:
    """Plan a sweep; the help text is ``_EXPLORE_HELP``."""
    fixed = with_input_size(family, input_size)
    choice = Choice(board, tuple(sweep or ()), fixed, bits, clock, utilisation)
    run_sweep(choice.space(), Means(jobs, scheduler, out, plot, json))
