"""``python -m host classify``: photographs on a board."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gen.common.progress import progress_line
from gen.frames.class_results import ClassResult, results_json, results_table
from gen.frames.images import load_frame
from gen.frames.pixel_options import FrameOptions
from host.ahead import ahead
from host.commands.output import Json, keys, print_line, tell_losses
from host.open import open_board
from host.options import BoardOptions


def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, in any usual format.")
    ],
    options: BoardOptions,
    shape: FrameOptions,
    *,
    json: Json = False,
) -> None:
    """Classify photographs on a board.

    Frames are sent ahead while the board works. The network file in the build folder says how a
    photograph becomes a frame and what the classes are called; the board must hold that network.

    Examples:

    - A simulated board: `python -m host --sim build/arty_a7 cat.jpg dog.jpg`

    - A real one: `python -m host --port /dev/ttyUSB1 cat.jpg`, or `--udp 192.168.1.50`

    - For programs: `python -m host --sim build/arty_a7 --json cat.jpg`
    """
    options.check_record(images)
    network = options.network()
    preprocessing = shape.apply(network.preprocessing)
    frames = [load_frame(path, preprocessing) for path in images]
    with open_board(options, network, lossy=True) as board:
        start = time.monotonic()
        with progress_line("classifying") as progress:
            progress.begin("frames")
            answers = []
            results = board.stream(ahead(board.coding.encoded, frames))
            for path, result in zip(images, results, strict=True):
                answers.append(ClassResult(str(path), result.sums, result.cycles))
                progress.advance(len(answers), len(frames))
        seconds = time.monotonic() - start
        clock, losses, coding = board.info().clock_hz, board.losses(), str(board.coding)
    if json:
        for entry in results_json(network, answers):
            print_line(entry)
        summary = {"frames": len(answers), "clock_hz": clock, "seconds": round(seconds, 3)}
        print_line(summary | {"coding": coding} | keys(losses))
        return
    console = Console()
    console.print(results_table(network, answers))
    slowest = max(answer.cycles for answer in answers)
    console.print(
        f"{len(answers)} frame{'s' * (len(answers) != 1)} in {seconds:.2f} s, sent {coding}; at "
        f"most {slowest} clock cycles from first pixel to last class sum, "
        f"{1e3 * slowest / clock:.3f} ms at {clock / 1e6:g} MHz",
        soft_wrap=True,
    )
    tell_losses(console, losses)
