"""C driver: frames a second through it to a UDP socket, and its processor time, beside Python's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.stand_in import StandIn
from gen.common.errors import FirebrickError
from gen.plan.link import CHUNK, CREDITS
from host.coding import Coding
from host.driver import Driver
from host.udp_link import UdpLink
from protocol.coding.rules import RAW
from protocol.messages import DeviceInfo

SOURCES = Path(__file__).resolve().parent.parent / "host" / "c"
CLOCK_HZ = 100_000_000
CASES = {
    "32x32": (DeviceInfo(32, 32, 3, 10, CLOCK_HZ, bytes(8), CHUNK, CREDITS), 5000),
    "224x224": (DeviceInfo(224, 224, 3, 1000, CLOCK_HZ, bytes(8), CHUNK, CREDITS), 500),
}
"""Boards, and how many frames they get."""


@dataclass(frozen=True)
class Figures:
    """What came of a driver's frames.

    Attributes
    ----------
    rate : float
        Frames a second, by the clock on the wall; the stand-in is what limits it.
    driver, stand_in : float
        Milliseconds of a processor a frame.
    """

    rate: float
    driver: float
    stand_in: float


Send = Callable[[StandIn, int], tuple[float, float]]
"""Sends frames of zeros to a board; seconds by the clock on the wall, and of the processor."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Send raw frames to a stand-in by both drivers and print a table.

    Parameters
    ----------
    console : Console
    shared : path
        Not needed.
    limit : int or None
        Send only so many frames.

    Raises
    ------
    FirebrickError
        If there is no C compiler, or a program fails.
    """
    found: dict[str, dict[str, Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder:
        program = compiled(Path(folder))
        for case, (info, count) in CASES.items():
            with console.status(case):
                found[case] = measure(info, program, limit or count)
    console.print(_table(found))
    return found


def compiled(folder: Path) -> Path:
    """The C driver's program that sends frames.

    Parameters
    ----------
    folder : Path
        Where it goes.

    Raises
    ------
    FirebrickError
        If there is no C compiler, or it fails.
    """
    known = filter(None, (os.environ.get("CC"), "cc", "gcc", "clang"))
    cc = next(filter(None, map(shutil.which, known)), None)
    if cc is None:
        raise FirebrickError("no C compiler found; install gcc or clang")
    program = folder / "throughput"
    names = ("firebrick.c", "examples/posix_port.c", "examples/throughput.c")
    files = [SOURCES / name for name in names]
    _run([cc, "-std=c99", "-O2", "-I", SOURCES, *files, "-o", program])
    return program


def _run(command: list[str | Path]) -> str:
    """What a program prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise FirebrickError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def measure(info: DeviceInfo, program: Path, count: int) -> dict[str, Figures]:
    """Send frames to a stand-in as fast as they go, by either driver.

    Parameters
    ----------
    info : DeviceInfo
        What the stand-in says of itself.
    program : Path
        See :func:`compiled`.
    count : int
        Frames.
    """

    def by_c(board: StandIn, frames: int) -> tuple[float, float]:
        told = _run([program, f"127.0.0.1:{board.port}", str(frames)]).split()
        return float(told[1]), float(told[2])

    def by_python(board: StandIn, frames: int) -> tuple[float, float]:
        with Driver(UdpLink("127.0.0.1", board.port), coding=Coding.parse(RAW)) as driver:
            start, used = time.perf_counter(), time.process_time()
            for _ in driver.stream(repeat(np.zeros(info.shape, dtype=np.uint8), frames)):
                pass
            return time.perf_counter() - start, time.process_time() - used

    return {"C": _timed(info, by_c, count), "Python": _timed(info, by_python, count)}


def _timed(info: DeviceInfo, send: Send, count: int) -> Figures:
    with StandIn(info) as board:
        send(board, 2)  # what is done once, is done now
        before = board.seconds()
        wall, processor = send(board, count)
        taken = board.seconds() - before
    return Figures(count / wall, 1e3 * processor / count, 1e3 * taken / count)


def _table(found: dict[str, dict[str, Figures]]) -> Table:
    heads = ("frames/s", "driver, ms", "stand-in, ms")
    table = Table("frame", "driver", *heads, title="raw frames over UDP on loopback")
    table.caption = "milliseconds of a processor a frame"
    for case, drivers in found.items():
        for name, figures in drivers.items():
            parts = (f"{figures.driver:.3f}", f"{figures.stand_in:.3f}")
            table.add_row(case, name, f"{figures.rate:.0f}", *parts)
    return table
