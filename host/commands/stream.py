"""``python -m host stream``: what a folder, a video or a camera shows, on a board."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gen.frames.class_results import ClassResult, results_json, top_k
from gen.frames.pixel_options import FrameOptions
from host.ahead import ahead
from host.coding import Encoded
from host.commands.output import Json, print_line, tell_losses
from host.open import open_board
from host.options import BoardOptions
from host.pictures import CAMERA, Picture, pictures


def stream(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DIR|VIDEO|camera",
            help="Folder of photographs, video file, or camera (camera:1 is the second).",
        ),
    ],
    options: BoardOptions,
    shape: FrameOptions,
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after so many frames.")
    ] = None,
    json: Json = False,
) -> None:
    """Classify photographs, a video, or what a camera sees, a line each as the results come."""
    options.check_record([Path(source)])
    network = options.network()
    preprocessing = shape.apply(network.preprocessing)
    found, names = islice(pictures(source, preprocessing), limit), deque[str]()
    # What a camera sees is not to wait for what it sees next.
    work = map if source.startswith(CAMERA) else ahead
    console = Console()
    with open_board(options, network, lossy=True) as board:
        coding = board.coding

        def coded(picture: Picture) -> tuple[str, Encoded]:
            name, make = picture
            return name, coding.encoded(make())

        def frames() -> Iterator[Encoded]:
            for name, frame in work(coded, found):
                names.append(name)
                yield frame

        start, count = time.monotonic(), 0
        for result in board.stream(frames()):
            name, count = names.popleft(), count + 1
            if json:
                print_line(
                    results_json(network, [ClassResult(name, result.sums, result.cycles)])[0]
                )
                continue
            ((label, probability),) = top_k(result.sums, network, 1)
            console.print(f"{name}: {label} {probability:.1%}", markup=False, soft_wrap=True)
        rate, losses = count / (time.monotonic() - start), board.losses()
    if not json:
        console.print(f"{count} frames, {rate:.1f} frames/s, sent {coding}")
        tell_losses(console, losses)
