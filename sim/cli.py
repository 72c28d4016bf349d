"""``python -m sim``: whole frames through the emitted design, and how well a network does."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gen.common.build_folder import DEFAULT, BuildFolder
from gen.common.console import WRONG, ClassifyByDefault, ProcessCount, Scheduler
from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.options import with_options
from gen.common.outputs import check_output
from gen.common.progress import progress_line
from gen.frames.class_results import ClassResult, results_json, results_table
from gen.frames.images import load_frames
from gen.frames.pixel_options import FrameOptions, PixelOptions
from gen.report.stored import load_figures
from sim import golden
from sim.accuracy import prepare
from sim.accuracy_report import tally_json, tally_tables
from sim.activity import FRAMES, observe
from sim.board import PATIENT, Ethernet, Line, build_board, load_link
from sim.frames import GeneratedBoard, SimulatedFrames, simulate
from sim.labelled import read_labelled, spread
from sim.lan import Machine
from sim.serve import Bridge, Server, Terminal
from sim.simulator import Simulator
from sim.update_report import show_update
from sim.verilate import build
from sim.workers import run_parts

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=ClassifyByDefault,
    no_args_is_help=True,
    help="Run the generated hardware in simulation. `classify` need not be named: "
    "`python -m sim cat.jpg`.",
)

FEWEST = 3
"""Frames simulated for fewer images, unless ``--frames`` says otherwise."""
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
    waves: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record every signal into this FST file (slow, large)."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what every layer does in two frames' periods as a trace for "
            "ui.perfetto.dev or chrome://tracing, and chart it in the build's report.html.",
        ),
    ] = None,
    update: Annotated[
        Path | None,
        typer.Option(
            metavar="NETWORK",
            help="Give the board this network's weights between frames (.npz, .fbz or QDQ ONNX, "
            "of `gen export --for`), and show frames before, amid and after it.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --update: the board's key."),
    ] = None,
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
    board = GeneratedBoard.load(BuildFolder(folder))
    _check_written(waves, trace, [*board.folder.own_files(), *images])
    _check_update(update, key, recorded=waves or trace)
    pixels = load_frames(images, shape.apply(board.network.preprocessing))
    fewest = FEWEST if trace is None else FRAMES
    order = np.arange(frames or max(len(images), fewest)) % len(images)
    if update is not None:
        if not show_update(board, pixels[order], update, key, json=json):
            raise typer.Exit(WRONG)
        return
    expected = golden.class_sums(board.network, pixels)[order]
    if trace is None:
        result = _simulate(board, pixels[order], waves)
    else:
        result = _trace(board, pixels[order], trace)
    wrong = np.flatnonzero((result.sums != expected).any(axis=1))
    names = [str(images[i]) for i in order]
    _tell(board, names[: len(images)], result, wrong, json=json)
    if len(wrong):
        _complain(board, names, result, expected, wrong)
        raise typer.Exit(WRONG)


def _tell(
    board: GeneratedBoard,
    names: list[str],
    result: SimulatedFrames,
    wrong: np.ndarray,
    *,
    json: bool,
) -> None:
    """Print the first frames' classes, and how fast all were.

    Parameters
    ----------
    board : GeneratedBoard
    names : list of str
        Of the first frames.
    result : SimulatedFrames
    wrong : int array
        Numbers of the frames that differ from the golden model.
    json : bool
    """
    answers = [
        ClassResult(name, sums, int(cycles))
        for name, sums, cycles in zip(names, result.sums, result.cycles, strict=False)
    ]
    if json:
        entry = {"frames": results_json(board.network, answers), **_speed(board, result)}
        print(json_format.dumps({**entry, "wrong_frames": wrong.tolist()}, indent=2))
    else:
        _print(Console(), board, answers, result, len(wrong))


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


def _check_written(waves: Path | None, trace: Path | None, read: list[Path]) -> None:
    """Check that waves or a trace can be written.

    Parameters
    ----------
    waves, trace : Path or None
    read : list of Path
        Files that they must not replace.

    Raises
    ------
    FirebrickError
        If not, or if both are asked for.
    """
    if waves is not None and trace is not None:
        raise FirebrickError("--waves and --trace are of different simulations; give one of them")
    for written in (waves, trace):
        if written is not None:
            check_output(written, read)


def _check_update(update: Path | None, key: Path | None, *, recorded: Path | None) -> None:
    """Check that an update goes together with the other options.

    Parameters
    ----------
    update, key : Path or None
    recorded : Path or None
        What is written of the simulation.

    Raises
    ------
    FirebrickError
        If not.
    """
    if update is None and key is not None:
        raise FirebrickError("--key is for --update; leave it out")
    if update is not None and recorded is not None:
        raise FirebrickError("--update does not go with --waves or --trace; leave these out")


def _simulate(board: GeneratedBoard, frames: np.ndarray, waves: Path | None) -> SimulatedFrames:
    """Compile the design, unless that has been done, and run frames through it."""
    folder = board.folder
    compiled = folder.simulation if waves is None else folder.simulation_with_waves
    with progress_line("Verilator") as progress:
        library = build(folder.sim_verilog, compiled, waves=waves is not None, progress=progress)
    with progress_line("simulating") as progress, Simulator(library) as simulator:
        if waves is not None:
            simulator.record(waves)
        progress.begin("frames")
        return simulate(simulator, board.network, frames, progress=progress)


def _trace(board: GeneratedBoard, frames: np.ndarray, path: Path) -> SimulatedFrames:
    """Run frames through the design, and write what its layers do meanwhile."""
    from gen.report.page import write_report  # Matplotlib takes a second to import

    with progress_line("Verilator") as progress:
        result, activity = observe(board, frames, progress)
    with replacing(path) as file:
        file.write(json_format.dumps(activity.trace()).encode())
    activity.save(board.folder)
    write_report(load_figures(board.folder), board.folder)
    return result


def _speed(board: GeneratedBoard, result: SimulatedFrames) -> dict[str, Any]:
    steady = result.steady_cycles
    return {
        "board": board.plan.board,
        "simulated_frames": len(result.sums),
        "clock_hz": board.plan.clock_hz,
        "latency_cycles": result.latency,
        "predicted_cycles": board.plan.cycles,
        "steady_cycles": steady,
        "frames_per_second": board.plan.clock_hz / steady if steady else None,
        "simulated_frames_per_second": result.frames_per_second,
    }


def _print(
    console: Console,
    board: GeneratedBoard,
    answers: list[ClassResult],
    result: SimulatedFrames,
    wrong: int,
) -> None:
    console.print(results_table(board.network, answers))
    plan, steady = board.plan, result.steady_cycles
    clock = plan.clock_hz
    table = Table(show_header=False, title=f"{plan.board} at {clock / 1e6:g} MHz")
    table.title_justify = "left"
    count = len(result.sums)
    table.add_row(
        "first frame, in to out", f"{result.latency} cycles", _time(result.latency, clock)
    )
    table.add_row("each frame, predicted", f"{plan.cycles} cycles", _rate(plan.cycles, clock))
    if steady is None:
        table.add_row("each frame, simulated", "needs two frames or more", "try --frames 3")
    else:
        table.add_row("each frame, simulated", f"{steady} cycles", _rate(steady, clock))
    speed = f"{result.frames_per_second:.2f} frames/s"
    table.add_row("simulation", f"{count} frames in {result.seconds:.2f} s", speed)
    console.print(table)
    if not wrong:
        console.print(f"[green]All class sums of {count} frames equal the golden model's.[/green]")


def _time(cycles: int, clock: int) -> str:
    return f"{1e3 * cycles / clock:.3f} ms"


def _rate(cycles: int, clock: int) -> str:
    return f"{clock / cycles:.1f} frames/s"


def _complain(
    board: GeneratedBoard,
    names: list[str],
    result: SimulatedFrames,
    expected: np.ndarray,
    wrong: np.ndarray,
) -> None:
    frame = int(wrong[0])
    different = np.flatnonzero(result.sums[frame] != expected[frame])
    index = int(different[0])
    message = (
        f"mismatch: {len(wrong)} of {len(names)} frames differ from the golden model; "
        f"first in frame {frame} ({names[frame]}): {len(different)} of {expected.shape[1]} class "
        f"sums, {board.network.labels[index]!r} is {result.sums[frame, index]} and should be "
        f"{expected[frame, index]}"
    )
    Console(stderr=True).print(Text(message, "red"), soft_wrap=True)
