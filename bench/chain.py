"""From network to simulated frames: time, memory, predicted and simulated cycles, equality."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.frames.images import list_images, load_frames, load_tar
from gen.ir.network import QuantizedNetwork
from sim import golden
from sim.frames import GeneratedBoard, simulate
from sim.simulator import Simulator
from sim.verilate import build

_ROOT = Path(__file__).resolve().parent.parent
_FRAMES = 4
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Case:
    """A network on a board.

    Attributes
    ----------
    title, board : str
    model, calibration : str or None
        Below the shared folder; the embedded default without a model.
    options : tuple of str
        More of ``python -m gen``.
    """

    title: str
    board: str
    model: str | None = None
    calibration: str | None = None
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Unlike those of the others."""
        return f"{self.title}, on {self.board}"


_V1_1 = "models/squeezenet1.1.onnx", "imagenet/calibration"

CASES = (
    Case("default", "arty_a7"),
    Case("default, Ethernet", "arty_a7", options=("--link", "ethernet")),
    Case("default", "arty_a7_35"),
    Case("default", "ulx3s_85"),
    Case(
        "SqueezeNet v1.1, 4 bits",
        "arty_a7",
        *_V1_1,
        options=("--weight-bits", "4", "--utilisation", "0.85"),
    ),
    Case("SqueezeNet v1.1, 8 bits", "genesys2", *_V1_1),
)
"""Those of the README's table that are chains, and what they are generated with."""
TOLD = ("resource ", "link  ")
"""What the tables of a report begin with that the README shows."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Measure every case and print a table of them.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Frames to simulate.

    Raises
    ------
    FirebrickError
        If the folder lacks a file, or a step of the chain fails.
    """
    figures, told = {}, {}
    for case in CASES:
        with (
            console.status(case.name),
            tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder,
        ):
            figures[case.name] = measure(case, shared, limit or _FRAMES, Path(folder))
            told[case.name] = BuildFolder(Path(folder) / "board").report.read_text()
    console.print(_table(figures))
    return {**figures, "told": list(excerpts(told[CASES[0].name]))}


def measure(case: Case, shared: Path, count: int, folder: Path) -> dict[str, Any]:
    """Generate into ``folder / "board"``, simulate ``count`` frames, compare them with golden.

    Parameters
    ----------
    case : Case
    shared : path
        Folder with networks and images.
    count : int
        Frames, two or more.
    folder : path
        A scratch folder.

    Returns
    -------
    dict
        Figures by name, for JSON.

    Raises
    ------
    FirebrickError
        If the shared folder lacks a file, or a step of the chain fails.
    """
    generation = _generate(case, shared, folder / "board")
    board = GeneratedBoard.load(BuildFolder(folder / "board"))
    frames = _frames(case, shared, count, board.network)
    start = time.monotonic()
    library = build(board.folder.sim_verilog, board.folder.simulation)
    built = time.monotonic() - start
    with Simulator(library) as simulator:
        result = simulate(simulator, board.network, frames)
        total_cycles = simulator.cycles
    wrong = (result.sums != golden.class_sums(board.network, frames)).any(axis=1)
    steady = result.steady_cycles
    assert steady is not None
    return {
        **generation,
        "verilator_seconds": round(built, 1),
        "frames": len(frames),
        "wrong_frames": int(wrong.sum()),
        "planned": board.plan.cycles,
        "simulated": steady,
        "intervals": result.intervals.tolist(),
        "latency": result.latency,
        "within_tolerance": abs(steady / board.plan.cycles - 1) <= _TOLERANCE,
        "clock_hz": board.plan.clock_hz,
        "resources": vars(board.plan.resources),
        "frames_per_second": round(board.plan.clock_hz / steady, 1),
        "simulated_frames_per_second": round(result.frames_per_second, 3),
        "simulated_cycles_per_second": round(total_cycles / result.seconds),
    }


def excerpts(report: str) -> Iterator[str]:
    """The lines of a report's tables of resources and of links."""
    for part in report.split("\n\n"):
        if part.lstrip().startswith(TOLD):
            yield from (line.strip() for line in part.strip("\n").splitlines())


def _generate(case: Case, shared: Path, out: Path) -> dict[str, float]:
    """Run the generator in a process of its own; seconds, and peak memory of it and its own."""
    command = [sys.executable, "-m", "gen", "--board", case.board, "--out", str(out)]
    command += case.options
    if case.model is not None:
        command += ["--model", str(_find(shared, case.model))]
    if case.calibration is not None:
        command += ["--calibrate", str(_find(shared, case.calibration))]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode:
            last = [line.strip() for line in output if line.strip()][-1:]
            raise FirebrickError(f"`{' '.join(command[1:])}` failed: {''.join(last)}")
    return {
        "generation_seconds": round(time.monotonic() - start, 1),
        "generation_peak_gib": round(usage.ru_maxrss / (1 << 20), 2),
    }


def _frames(case: Case, shared: Path, count: int, network: QuantizedNetwork) -> np.ndarray:
    if case.model is None:
        frames, _ = load_tar(_find(shared, "cifar10/test.tar"), network.preprocessing, count)
        return frames
    images = list_images(_find(shared, "imagenet/evaluation"))
    return load_frames(images[:count], network.preprocessing)


def _find(shared: Path, relative: str) -> Path:
    path = (shared / relative).resolve()
    if not path.exists():
        raise FirebrickError(
            f"{path}: no such file; point --shared at the folder with the networks and images"
        )
    return path


_ROWS = (
    ("generation, s", "generation_seconds"),
    ("generation, peak GiB", "generation_peak_gib"),
    ("Verilator build, s", "verilator_seconds"),
    ("cycles a frame, planned", "planned"),
    ("cycles a frame, simulated", "simulated"),
    ("equal within 1 %", "within_tolerance"),
    ("latency, cycles", "latency"),
    ("frames/s at the board's clock", "frames_per_second"),
    ("frames simulated", "frames"),
    ("frames unlike golden", "wrong_frames"),
    ("simulation, frames/s", "simulated_frames_per_second"),
    ("simulation, cycles/s", "simulated_cycles_per_second"),
)


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="chain", title_justify="left")
    table.add_column("", no_wrap=True)
    for title in figures:
        table.add_column(title, justify="right")
    for title, key in _ROWS:
        table.add_row(title, *(_text(entry[key]) for entry in figures.values()))
    return table


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "[red]no[/red]"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
