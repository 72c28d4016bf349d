"""``python -m host``: classify photographs on a board, real or simulated."""

from __future__ import annotations

import json as json_format
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gen.common.console import ClassifyByDefault, run_app
from gen.common.progress import progress_line
from gen.frames.class_results import ClassResult, results_json, results_table, top_k
from gen.frames.images import load_frame
from gen.ir.network import QuantizedNetwork
from host.driver import Driver
from host.open import BoardOptions, for_a_board, open_board
from host.pictures import pictures
from host.sim_transport import CYCLES_PER_SECOND
from protocol.messages import DeviceInfo, Statistics
from protocol.packets import VERSION

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=ClassifyByDefault,
    no_args_is_help=True,
    help="Classify photographs on a board, real or simulated. "
    "`classify` need not be named: `python -m host --sim build/arty_a7 cat.jpg`.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line an item.")]


@app.command()
@for_a_board
def info(
    options: BoardOptions,
    *,
    json: Json = False,
) -> None:
    """Say what a board is and how it has been doing."""
    with open_board(options, None) as board:
        about, statistics = board.info(), board.stats()
    stalls = dict(zip(_layers(options, about), statistics.stall_cycles(), strict=True))
    entry = {"protocol": VERSION, **vars(about), "digest": about.digest.hex()}
    entry |= {**vars(statistics), "stalls": stalls}
    if json:
        _line(entry)
        return
    console = Console()
    console.print(_about(about, statistics))
    waited = {name: cycles for name, cycles in stalls.items() if cycles}
    if waited:
        table = Table("layer", "stalled for about", title="outputs that waited for the next layer")
        for name, cycles in waited.items():
            table.add_row(name, f"{cycles} cycles")
        console.print(table)
    elif stalls:
        console.print("No layer's output has waited for the next layer.")


def _about(about: DeviceInfo, statistics: Statistics) -> Table:
    """What a board is and how it does, for people."""
    table = Table(show_header=False)
    frame = f"{about.height}x{about.width}x{about.channels} bytes"
    rows = {
        "network": about.digest.hex(),
        "frame, classes": f"{frame}, {about.classes} classes",
        "clock": f"{about.clock_hz / 1e6:g} MHz",
        "protocol version": VERSION,
        "takes ahead": f"{about.frames} frames, {about.credits} packets of {about.chunk} bytes",
        "frames answered": statistics.answered,
        "frames in flight": statistics.in_flight,
        "last frame took": f"{statistics.cycles} cycles" if statistics.answered else "-",
        "pixels waited for": f"{statistics.stalled} cycles",
        "packets damaged": statistics.bad,
        "packets dropped": f"{statistics.dropped} (whole, but not the next one, or without credit)",
        "lost on the line": f"{statistics.lost} bytes or datagrams",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _layers(options: BoardOptions, about: DeviceInfo) -> list[str]:
    """Names of the board's layers, if the build folder has its network; else numbers."""
    network = options.network() if options.has_network() else None
    if network is None or network.digest != about.digest:
        return [str(index) for index in range(about.streams)]
    return [op.name for op in network.ops]


@app.command()
@for_a_board
def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, in any usual format.")
    ],
    options: BoardOptions,
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
    network = options.network()
    frames = [load_frame(path, network.preprocessing) for path in images]
    with open_board(options, network) as board:
        start = time.monotonic()
        with progress_line("classifying") as progress:
            progress.begin("frames")
            answers = []
            for path, result in zip(images, board.stream(frames), strict=True):
                answers.append(ClassResult(str(path), result.sums, result.cycles))
                progress.advance(len(answers), len(frames))
        seconds = time.monotonic() - start
        clock, losses = board.info().clock_hz, board.losses()
    if json:
        for entry in results_json(network, answers):
            _line(entry)
        summary = {"frames": len(answers), "clock_hz": clock, "seconds": round(seconds, 3)}
        _line(summary | _keys(losses))
        return
    console = Console()
    console.print(results_table(network, answers))
    slowest = max(answer.cycles for answer in answers)
    console.print(
        f"{len(answers)} frame{'s' * (len(answers) != 1)} in {seconds:.2f} s; at most {slowest} "
        f"clock cycles from first pixel to last class sum, "
        f"{1e3 * slowest / clock:.3f} ms at {clock / 1e6:g} MHz",
        soft_wrap=True,
    )
    _tell_losses(console, losses)


def _keys(counts: dict[str, int]) -> dict[str, int]:
    """For JSON."""
    return {name.replace(" ", "_"): count for name, count in counts.items()}


def _tell_losses(console: Console, losses: dict[str, int]) -> None:
    """Say what went wrong on the link, if anything did."""
    told = [f"{name} {count}" for name, count in losses.items() if count]
    if told:
        text = f"The link is not clean: {', '.join(told)}; no answer is wrong for it."
        console.print(text, style="yellow", soft_wrap=True)


@app.command()
@for_a_board
def stream(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DIR|VIDEO|camera",
            help="Folder of photographs, video file, or camera (camera:1 is the second).",
        ),
    ],
    options: BoardOptions,
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after so many frames.")
    ] = None,
    json: Json = False,
) -> None:
    """Classify photographs, a video, or what a camera sees, a line each as the results come."""
    network = options.network()
    found, names = islice(pictures(source, network.preprocessing), limit), deque[str]()

    def frames() -> Iterator[np.ndarray]:
        for name, frame in found:
            names.append(name)
            yield frame

    console = Console()
    with open_board(options, network) as board:
        start, count = time.monotonic(), 0
        for result in board.stream(frames()):
            name, count = names.popleft(), count + 1
            if json:
                _line(results_json(network, [ClassResult(name, result.sums, result.cycles)])[0])
                continue
            ((label, probability),) = top_k(result.sums, network, 1)
            console.print(f"{name}: {label} {probability:.1%}", markup=False, soft_wrap=True)
        rate, losses = count / (time.monotonic() - start), board.losses()
    if not json:
        console.print(f"{count} frames, {rate:.1f} frames/s")
        _tell_losses(console, losses)


@app.command()
@for_a_board
def bench(
    options: BoardOptions,
    *,
    frames: Annotated[int, typer.Option(min=2, metavar="N", help="How many frames to send.")] = 20,
    json: Json = False,
) -> None:
    """Measure a board and its link with random frames: rate, latency, and what was lost."""
    network = options.network()
    with open_board(options, network) as board:
        # A simulated board's time is counted in clock cycles.
        scale = 1.0 if options.sim is None else CYCLES_PER_SECOND / board.info().clock_hz
        figures = _measure(board, network, frames, scale)
    if json:
        _line(figures)
        return
    table = Table(show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:g}")
    Console().print(table)


def _measure(board: Driver, network: QuantizedNetwork, count: int, scale: float) -> dict[str, Any]:
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
        **_keys(board.losses()),
    }


def _random_frames(network: QuantizedNetwork, count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, network.input.shape, dtype=np.uint8)


def _line(entry: dict[str, Any]) -> None:
    print(json_format.dumps(entry), flush=True)


if __name__ == "__main__":
    run_app(app)
