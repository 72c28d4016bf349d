"""What ``python -m sim classify`` does: photographs through the design, beside the golden model."""

from __future__ import annotations

import json as json_format
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.outputs import check_output
from gen.common.progress import progress_line
from gen.frames.class_results import ClassResult, results_json, results_table
from gen.frames.images import load_frames
from gen.frames.pixel_options import FrameOptions
from gen.report.stored import load_figures
from sim import golden
from sim.activity import FRAMES, observe
from sim.frames import GeneratedBoard, SimulatedFrames, simulate
from sim.simulator import Simulator
from sim.update_report import show_update
from sim.verilate import build

FEWEST = 3
"""Frames simulated for fewer images, unless ``--frames`` says otherwise."""


@dataclass(frozen=True)
class Recorded:
    """What is written of a simulation, as the command line has it."""

    waves: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record every signal into this FST file (slow, large)."),
    ] = None
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what every layer does in two frames' periods as a trace for "
            "ui.perfetto.dev or chrome://tracing, and chart it in the build's report.html.",
        ),
    ] = None

    def check(self, read: list[Path]) -> None:
        """Check that they can be written.

        Parameters
        ----------
        read : list of Path
            Files that they must not replace.

        Raises
        ------
        FirebrickError
            If not, or if both are asked for.
        """
        if self.waves is not None and self.trace is not None:
            raise FirebrickError(
                "--waves and --trace are of different simulations; give one of them"
            )
        for written in (self.waves, self.trace):
            if written is not None:
                check_output(written, read)


@dataclass(frozen=True)
class UpdateShown:
    """An update between frames, as the command line has it."""

    update: Annotated[
        Path | None,
        typer.Option(
            metavar="NETWORK",
            help="Give the board this network's weights between frames (.npz, .fbz or QDQ ONNX, "
            "of `gen export --for`), and show frames before, amid and after it.",
        ),
    ] = None
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --update: the board's key."),
    ] = None

    def check(self, recorded: Recorded) -> None:
        """Check that it goes together with the other options.

        Raises
        ------
        FirebrickError
            If not.
        """
        if self.update is None and self.key is not None:
            raise FirebrickError("--key is for --update; leave it out")
        if self.update is not None and (recorded.waves or recorded.trace):
            raise FirebrickError("--update does not go with --waves or --trace; leave these out")


@dataclass(frozen=True)
class Shown:
    """Photographs, the board that they go through, and how its answers are shown.

    Attributes
    ----------
    board : GeneratedBoard
    images : list of Path
        Taken in turn.
    frames : int or None
        How many; enough for a steady rate if None.
    json : bool
        For programs.
    """

    board: GeneratedBoard
    images: list[Path]
    frames: int | None
    json: bool

    def order(self, fewest: int) -> np.ndarray:
        """Numbers of the images that are taken, one for each frame."""
        return np.arange(self.frames or max(len(self.images), fewest)) % len(self.images)


def show_frames(shown: Shown, shape: FrameOptions, recorded: Recorded, update: UpdateShown) -> bool:
    """Simulate frames, compare them with the golden model, and print what comes of them.

    Parameters
    ----------
    shown : Shown
    shape : FrameOptions
        How photographs become frames.
    recorded : Recorded
    update : UpdateShown

    Returns
    -------
    bool
        Whether all is as it should be.

    Raises
    ------
    FirebrickError
        If options do not go together, or a file cannot be read, or is not what it should be.
    """
    board = shown.board
    recorded.check([*board.folder.own_files(), *shown.images])
    update.check(recorded)
    pixels = load_frames(shown.images, shape.apply(board.network.preprocessing))
    order = shown.order(FEWEST if recorded.trace is None else FRAMES)
    if update.update is not None:
        return show_update(board, pixels[order], update.update, update.key, json=shown.json)
    expected = golden.class_sums(board.network, pixels)[order]
    if recorded.trace is None:
        result = _simulate(board, pixels[order], recorded.waves)
    else:
        result = _trace(board, pixels[order], recorded.trace)
    wrong = np.flatnonzero((result.sums != expected).any(axis=1))
    _tell(shown, result, wrong)
    if len(wrong):
        _complain(board, [str(shown.images[i]) for i in order], result, expected, wrong)
    return not len(wrong)


def _tell(shown: Shown, result: SimulatedFrames, wrong: np.ndarray) -> None:
    """Print the first frames' classes, and how fast all were.

    Parameters
    ----------
    shown : Shown
    result : SimulatedFrames
    wrong : int array
        Numbers of the frames that differ from the golden model.
    """
    board = shown.board
    answers = [
        ClassResult(str(name), sums, int(cycles))
        for name, sums, cycles in zip(shown.images, result.sums, result.cycles, strict=False)
    ]
    if shown.json:
        entry = {"frames": results_json(board.network, answers), **_speed(board, result)}
        print(json_format.dumps({**entry, "wrong_frames": wrong.tolist()}, indent=2))
    else:
        _print(Console(), board, answers, result, len(wrong))


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
