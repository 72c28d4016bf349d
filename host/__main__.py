"""``python -m host``: classify photographs on a board, real or simulated."""

from __future__ import annotations

import json as json_format
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gen.answers import Answer, answers_json, answers_table
from gen.classes import top_k
from gen.console import ClassifyByDefault, run_app
from gen.display import progress_line
from gen.images import list_images, load_frame
from gen.network import QuantizedNetwork
from host.driver import Accelerator
from host.open import BoardOptions, open_board
from host.sim_transport import CYCLES_PER_SECOND

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=ClassifyByDefault,
    no_args_is_help=True,
    help="Classify photographs on a board, real or simulated. "
    "`classify` need not be named: `python -m host --sim build/arty_a7 cat.jpg`.",
)

_DEFAULT_BUILD = Path("build/arty_a7")

Sim = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Simulate the board that `python -m gen` wrote there."),
]
Port = Annotated[
    str | None, typer.Option(metavar="PORT", help="Serial port of a board, say /dev/ttyUSB1.")
]
Baud = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Bits a second on that port; the board's if not given."),
]
Replay = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Play a recorded session again, no board.")
]
Build = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder the board's bitstream was generated in.")
]
Record = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Record what goes over the link.")
]
Timeout = Annotated[
    float, typer.Option(metavar="S", min=0.1, help="Seconds without progress to put up with.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line an item.")]


@app.command()
def info(
    sim: Sim = None,
    port: Port = None,
    baud: Baud = None,
    replay: Replay = None,
    build: Build = _DEFAULT_BUILD,
    record: Record = None,
    timeout: Timeout = 5.0,
    json: Json = False,
) -> None:
    """Say what a board is and how it has been doing."""
    options = BoardOptions(sim, port, baud, replay, build, record, timeout)
    with open_board(options, None) as board:
        about, statistics = board.info(), board.stats()
    entry = {**vars(about), "digest": about.digest.hex(), **vars(statistics)}
    if json:
        _line(entry)
        return
    table = Table(show_header=False)
    for name, value in entry.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


@app.command()
def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, in any usual format.")
    ],
    sim: Sim = None,
    port: Port = None,
    baud: Baud = None,
    replay: Replay = None,
    build: Build = _DEFAULT_BUILD,
    record: Record = None,
    timeout: Timeout = 5.0,
    json: Json = False,
) -> None:
    """Classify photographs on a board.

    Frames are sent ahead while the board works. The network file in the build folder says how a
    photograph becomes a frame and what the classes are called; the board must hold that network.

    Examples:

    - A simulated board: `python -m host --sim build/arty_a7 cat.jpg dog.jpg`

    - A real one: `python -m host --port /dev/ttyUSB1 cat.jpg`

    - For programs: `python -m host --sim build/arty_a7 --json cat.jpg`
    """
    options = BoardOptions(sim, port, baud, replay, build, record, timeout)
    network = options.network()
    frames = [load_frame(path, network.preprocessing) for path in images]
    with open_board(options, network) as board:
        start = time.monotonic()
        with progress_line("classifying") as tell:
            answers = []
            for path, result in zip(images, board.stream(frames), strict=True):
                answers.append(Answer(str(path), result.sums, result.cycles))
                tell("frames", len(answers), len(frames))
        seconds = time.monotonic() - start
        clock = board.info().clock_hz
    if json:
        for entry in answers_json(network, answers):
            _line(entry)
        _line({"frames": len(answers), "clock_hz": clock, "seconds": round(seconds, 3)})
        return
    console = Console()
    console.print(answers_table(network, answers))
    slowest = max(answer.cycles for answer in answers)
    console.print(
        f"{len(answers)} frame{'s' * (len(answers) != 1)} in {seconds:.2f} s; at most {slowest} "
        f"clock cycles from first pixel to last class sum, "
        f"{1e3 * slowest / clock:.3f} ms at {clock / 1e6:g} MHz",
        soft_wrap=True,
    )


@app.command()
def stream(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of photographs.")],
    sim: Sim = None,
    port: Port = None,
    baud: Baud = None,
    replay: Replay = None,
    build: Build = _DEFAULT_BUILD,
    record: Record = None,
    timeout: Timeout = 5.0,
    json: Json = False,
) -> None:
    """Classify a folder of photographs, a line each as the results come."""
    options = BoardOptions(sim, port, baud, replay, build, record, timeout)
    network = options.network()
    images = list_images(folder)
    frames = (load_frame(path, network.preprocessing) for path in images)
    console = Console()
    with open_board(options, network) as board:
        start, count = time.monotonic(), 0
        for path, result in zip(images, board.stream(frames), strict=True):
            count += 1
            if json:
                answer = Answer(str(path), result.sums, result.cycles)
                _line(answers_json(network, [answer])[0])
                continue
            ((label, probability),) = top_k(result.sums, network, 1)
            console.print(f"{path}: {label} {probability:.1%}", markup=False, soft_wrap=True)
        rate = count / (time.monotonic() - start)
    if not json:
        console.print(f"{count} frames, {rate:.1f} frames/s")


@app.command()
def bench(
    frames: Annotated[int, typer.Option(min=2, metavar="N", help="How many frames to send.")] = 20,
    sim: Sim = None,
    port: Port = None,
    baud: Baud = None,
    replay: Replay = None,
    build: Build = _DEFAULT_BUILD,
    record: Record = None,
    timeout: Timeout = 5.0,
    json: Json = False,
) -> None:
    """Measure a board and its link with random frames: rate, latency, and what was lost."""
    options = BoardOptions(sim, port, baud, replay, build, record, timeout)
    network = options.network()
    with open_board(options, network) as board:
        # A simulated board's time is counted in clock cycles.
        scale = 1.0 if sim is None else CYCLES_PER_SECOND / board.info().clock_hz
        figures = _measure(board, network, frames, scale)
    if json:
        _line(figures)
        return
    table = Table(show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:g}")
    Console().print(table)


def _measure(
    board: Accelerator, network: QuantizedNetwork, count: int, scale: float
) -> dict[str, Any]:
    def clock() -> float:
        return scale * board.clock()

    before = board.stats()
    random = _random_frames(network, count + 1)
    start = clock()
    board.infer(next(random))
    single = clock() - start
    start = clock()
    results = list(board.stream(random))
    seconds = clock() - start
    after = board.stats()
    info = board.info()
    return {
        "frames": count,
        "frames_per_second": round(count / seconds, 2),
        "pixel_bytes_per_second": round(count * info.frame_bytes / seconds),
        "single_frame_ms": round(1e3 * single, 3),
        "accelerator_ms": round(1e3 * min(r.cycles for r in results) / info.clock_hz, 3),
        "stalled_cycles": (after.stalled - before.stalled) % (1 << 32),
        "bad_packets": (after.bad - before.bad) % (1 << 16),
        "dropped_packets": (after.dropped - before.dropped) % (1 << 16),
    }


def _random_frames(network: QuantizedNetwork, count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, network.input.shape, dtype=np.uint8)


def _line(entry: dict[str, Any]) -> None:
    print(json_format.dumps(entry), flush=True)


if __name__ == "__main__":
    run_app(app)
