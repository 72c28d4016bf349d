"""``python -m host bench``: how fast a board and its link are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from gen.ir.network import QuantizedNetwork
from host.commands.output import Json, keys, print_line
from host.driver import FrameDriver
from host.open import open_board, time_scale
from host.options import BoardOptions

_OF_LINKS = ("stalled_cycles", "bad_packets", "dropped_packets")
"""What boards count of their links, and nobody of an overlay."""


def bench(
    options: BoardOptions,
    *,
    frames: Annotated[int, typer.Option(min=2, metavar="N", help="How many frames to send.")] = 20,
    json: Json = False,
) -> None:
    """Measure a board and its link with random frames: rate, latency, and what was lost.

    `answer ms` is the time from the last packet of a lone frame to its class sums. What is planned
    of it is beside it, by what it is for; the rest is this machine's.
    """
    network = options.network()
    with open_board(options, network) as board:
        figures = _measure(board, network, frames, time_scale(options, board))
        if not board.in_packets:
            figures = {name: value for name, value in figures.items() if name not in _OF_LINKS}
    figures |= _planned(options)
    if json:
        print_line(figures)
        return
    table = Table(show_header=False)
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:g}")
    Console().print(table)


def _measure(
    board: FrameDriver, network: QuantizedNetwork, count: int, scale: float
) -> dict[str, Any]:
    def clock() -> float:
        return scale * board.clock()

    before = board.stats()
    random = _random_frames(network, count + 1)
    start = clock()
    board.infer(next(random))
    single, answer = clock() - start, clock() - scale * board.sent()
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
        "answer_ms": round(1e3 * answer, 3),
        "accelerator_ms": round(1e3 * min(r.cycles for r in results) / info.clock_hz, 3),
        "stalled_cycles": (after.stalled - before.stalled) % (1 << 32),
        "bad_packets": (after.bad - before.bad) % (1 << 16),
        "dropped_packets": (after.dropped - before.dropped) % (1 << 16),
        **keys(board.losses()),
    }


def _planned(options: BoardOptions) -> dict[str, float]:
    """What of the answer's time is planned, if the folder of a real board tells."""
    manifest = None if options.sim is not None else options.manifest()
    parts = {} if manifest is None else manifest.answer
    return keys({f"planned {name} ms": round(1e3 * s, 3) for name, s in parts.items()})


def _random_frames(network: QuantizedNetwork, count: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.integers(0, 256, network.input.shape, dtype=np.uint8)
