"""Feed: frames a second from JPEG files through the driver to a UDP socket, and what they take."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from bench.accuracy import evaluation
from bench.stand_in import StandIn
from gen.frames.images import load_frame
from gen.ir.preprocessing import Preprocessing, default_preprocessing
from gen.plan.link import CHUNK, CREDITS
from host.ahead import ahead
from host.coding import Coding, Encoded
from host.driver import Driver
from host.udp_link import UdpLink
from protocol.coding.encode import COMPILED, encode, encode_whole
from protocol.coding.rules import LOSSLESS, RAW, Steps
from protocol.messages import DeviceInfo

SIZE = 224
CLASSES = 1000
CLOCK_HZ = 100_000_000
PHOTOGRAPHS = 64
"""Different ones; they come again."""
FRAMES = 600
CODINGS = (RAW, LOSSLESS, "2,4")
READ, CODE, DRIVE, BOARD = "read JPEG", "code", "driver", "stand-in"
CODERS = {"NumPy": encode_whole} | ({"Numba": encode} if COMPILED else {})


@dataclass
class Stages:
    """Processor time by what it is for, of any thread."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count what this thread does meanwhile."""
        before = time.thread_time()
        yield
        taken = time.thread_time() - before
        with self._lock:
            self.seconds[stage] += taken


@dataclass(frozen=True)
class Figures:
    """What came of one way to code frames.

    Attributes
    ----------
    rate : float
        Frames a second, by the clock on the wall.
    milliseconds : dict of float
        Processor time a frame by stage.
    """

    rate: float
    milliseconds: dict[str, float]

    @property
    def total(self) -> float:
        """Milliseconds of processors a frame."""
        return sum(self.milliseconds.values())


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Send photographs to a stand-in in all codings and print a table.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``imagenet``.
    limit : int or None
        Send only so many frames.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If it has one that cannot be read.
    """
    preprocessing = default_preprocessing(SIZE, SIZE)
    found = {}
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder:
        files = _photographs(shared, preprocessing, Path(folder))
        for option in CODINGS:
            with console.status(option):
                found[option] = measure(files, preprocessing, option, limit or FRAMES)
        alone = coders([load_frame(path, preprocessing) for path in files])
    console.print(_table(found))
    for name, milliseconds in alone.items():
        console.print(f"{name} codes a frame without loss in {milliseconds:.2f} ms")
    return {"ways": found, "coder alone, ms": alone}


def coders(frames: list[np.ndarray]) -> dict[str, float]:
    """Milliseconds of a processor in which a frame is coded without loss, by what does it.

    Parameters
    ----------
    frames : list of uint8 array (height, width, channels)
    """
    found = {}
    for name, coder in CODERS.items():
        coder(frames[0], Steps())  # Whatever is compiled, is compiled now.
        before = time.thread_time()
        for frame in frames:
            coder(frame, Steps())
        found[name] = 1e3 * (time.thread_time() - before) / len(frames)
    return found


def _photographs(shared: Path, preprocessing: Preprocessing, folder: Path) -> list[Path]:
    """Photographs as JPEG files, a little larger than frames."""
    frames, _ = evaluation(shared / "imagenet", preprocessing, PHOTOGRAPHS)
    paths = [folder / f"{index}.jpg" for index in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(np.pad(frame, ((16, 16), (16, 16), (0, 0)), "reflect")).save(path)
    return paths


def measure(files: list[Path], preprocessing: Preprocessing, option: str, count: int) -> Figures:
    """Send frames to a stand-in as fast as they go.

    Parameters
    ----------
    files : list of Path
        Photographs, taken in turn.
    preprocessing : Preprocessing
    option : str
        How they are coded.
    count : int
        Frames.
    """
    shape = *preprocessing.crop, preprocessing.channels
    info = DeviceInfo(*shape, CLASSES, CLOCK_HZ, bytes(8), CHUNK, CREDITS, coded=True)
    with (
        StandIn(info) as board,
        Driver(UdpLink("127.0.0.1", board.port), coding=Coding.parse(option)) as driver,
    ):
        _send(driver, files[:2], preprocessing, Stages())  # Whatever is compiled, is compiled now.
        stages, before = Stages(), board.seconds()
        start = time.perf_counter()
        with stages.timed(DRIVE):
            _send(driver, (files[n % len(files)] for n in range(count)), preprocessing, stages)
        rate = count / (time.perf_counter() - start)
        stages.seconds[BOARD] = board.seconds() - before
    return Figures(rate, {name: 1e3 * s / count for name, s in stages.seconds.items()})


def _send(
    driver: Driver, files: Iterable[Path], preprocessing: Preprocessing, stages: Stages
) -> None:
    """Read, code and send photographs, and take the answers."""

    def prepared(path: Path) -> Encoded:
        with stages.timed(READ):
            frame = load_frame(path, preprocessing)
        with stages.timed(CODE):
            return driver.coding.encoded(frame)

    for _ in driver.stream(ahead(prepared, files)):
        pass


def _table(found: dict[str, Figures]) -> Table:
    stages = (READ, CODE, DRIVE, BOARD)
    heads = [f"{name}, ms" for name in (*stages, "all")]
    table = Table("coding", "frames/s", *heads, title="processor time a frame")
    table.caption = f"{SIZE}x{SIZE} pixels, coded by {'Numba' if COMPILED else 'NumPy'}"
    for option, figures in found.items():
        parts = [*(figures.milliseconds[name] for name in stages), figures.total]
        table.add_row(option, f"{figures.rate:.0f}", *(f"{part:.2f}" for part in parts))
    return table
