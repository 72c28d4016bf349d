"""``python -m sim``: whole frames through the emitted design, and how well a network does."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gen.common.build_folder import DEFAULT, BuildFolder
from gen.common.console import WRONG, ClassifyByDefault, ProcessCount, Scheduler
from gen.common.options import with_options
from gen.common.progress import progress_line
from gen.frames.pixel_options import FrameOptions, PixelOptions
from sim.accuracy import prepare
from sim.accuracy_report import tally_json, tally_tables
from sim.board import PATIENT, Ethernet, Line, build_board, load_link
from sim.classify import FEWEST, Recorded, Shown, UpdateShown, show_frames
from sim.frames import GeneratedBoard
from sim.labelled import read_labelled, spread
from sim.lan import Machine
from sim.serve import Bridge, Server, Terminal
from sim.simulator import Simulator
from sim.workers import run_parts

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=ClassifyByDefault,
    no_args_is_help=True,
    help="Run the generated hardware in simulation. `classify` need not be named: "
    "`python -m sim cat.jpg`.",
)

HOST_PATIENCE = 60
"""Seconds that the host should give a simulated board."""


@app.command()
@with_options
def classify(
    *,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, in any usual format.")
    ],
    folder: Annotated[
        Path, typer.Option("--build", metavar="DIR", help="What `python -m gen` wrote for a board.")
    ] = DEFAULT,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Simulate so many frames, taking the images in turn; "
            f"{FEWEST} or more if not given, which shows the steady rate.",
        ),
    ] = None,
    recorded: Recorded,
    update: UpdateShown,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    shape: FrameOptions,
) -> None:
    """Run photographs through the hardware that was generated, clock cycle for clock cycle.

    The design in the build folder is compiled by Verilator (once), frames go in back
    to back, and every class sum is compared with the golden model. Exit status 1 if one differs.

    Examples, after `python -m gen --board arty_a7`:

    - Classes, cycles and frames a second: `python -m sim cat.jpg dog.jpg`

    - Another board: `python -m sim --build build/genesys2 cat.jpg`

    - What every layer does, for ui.perfetto.dev: `python -m sim --trace cat.json cat.jpg`

    - Waves to look at: `python -m sim --frames 1 --waves cat.fst cat.jpg`

    - New weights for a board that takes some: `python -m sim --update tuned.fbz cat.jpg`
    """
    shown = Shown(GeneratedBoard.load(BuildFolder(folder)), images, frames, json)
    if not show_frames(shown, shape, recorded, update):
        raise typer.Exit(WRONG)


@app.command("accuracy")
@with_options
def accuracy(
    *,
    network: Annotated[
        Path,
        typer.Argument(metavar="NETWORK", help="A network.npz, an .fbz, or a QDQ ONNX file."),
    ],
    images: Annotated[Path, typer.Argument(metavar="IMAGES_DIR", help="Folder of photographs.")],
    labels: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Their classes: lines `FILE CLASS`, classes from 0."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--float", metavar="MODEL.onnx", help="Float network to compare with, if it is there."
        ),
    ] = None,
    pixels: PixelOptions,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only so many images, spread over all of them."),
    ] = None,
    processes: ProcessCount = None,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Top-1 and top-5 of a network's integers on photographs whose classes are known.

    With `--float`, those of the float network too, and how much signal there is for the
    noise of quantisation in every tensor.

    Example: `python -m sim accuracy build/arty_a7/network.npz photos --labels photos.txt`
    """
    job = prepare(network, model, pixels)
    listed = spread(read_labelled(images, labels, len(job.network.labels)), limit)
    start = time.perf_counter()
    with progress_line("accuracy") as progress:
        progress.begin("images")
        total = run_parts(job, listed, scheduler, processes, progress=progress)
    rate = total.images / (time.perf_counter() - start)
    if json:
        print(json_format.dumps(tally_json(job, total, rate), indent=2))
    else:
        Console().print(*tally_tables(job, total, rate), sep="\n")


@app.command("board")
def serve_board(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="What `python -m gen` wrote for a board.")
    ] = DEFAULT,
    line: Annotated[
        bool | None,
        typer.Option(
            "--line/--bytes",
            help="Simulate the serial line bit by bit, or leave it out and hand over bytes; "
            f"if not given, bits where a byte takes at most {PATIENT} clock cycles.",
        ),
    ] = None,
) -> None:
    """Serve a simulated board until Ctrl-C: on a pseudo-terminal, or on a UDP port.

    `python -m host --port`, or `--udp`, in another terminal takes it for a real board.
    """
    board = GeneratedBoard.load(BuildFolder(folder))
    link = load_link(board.folder)
    bits = isinstance(link, Ethernet) or link.cycles_per_byte <= PATIENT if line is None else line
    with progress_line("Verilator") as progress:
        library = build_board(board, link=link if bits else None, progress=progress)
    console = Console()
    with Simulator(library) as simulator, _server(simulator, link) as server:
        if isinstance(link, Ethernet):
            kind = f"{link.phy.kind.upper()} nibble by nibble, address {link.station.address}"
        elif bits:
            kind = f"bit by bit at {link.baud} baud"
        else:
            kind = f"without its line, which takes {link.cycles_per_byte:g} clock cycles a byte"
        title = f"{board.plan.network} on {board.plan.board}, simulated {kind}. Next:"
        console.print(title, soft_wrap=True)
        # Its seconds are longer than a real board's.
        options = f"{server.options} --timeout {HOST_PATIENCE} --build {folder}"
        console.print(f"  python -m host {options} IMAGE...", soft_wrap=True)
        server.serve()


def _server(simulator: Simulator, link: Line | Ethernet) -> Server:
    if isinstance(link, Ethernet):
        return Bridge(Machine(simulator, link.station))
    return Terminal(simulator)
