"""Links: how much of a line's rate arrives as pixels, bit by bit in simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.accuracy import evaluation
from bench.choice import ALL, chosen
from bench.link_cases import CASES, Case
from boards.board import Board
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import default_preprocessing
from gen.plan.link import UART_BITS, link_frames_per_second
from gen.plan.plan import Plan
from gen.plan.planner import plan
from protocol.coding.encode import encode
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import Steps
from protocol.session import Session
from sim import golden
from sim.board import Ethernet, Line, build_board, load_link
from sim.frames import GeneratedBoard, Sent, simulate
from sim.lan import Machine
from sim.simulator import Simulator
from tests.networks import random_frames

PORT = 4000
SLICE = 200
"""Clock cycles between two looks at what came from the network."""
PATIENCE = 2_000_000
"""Clock cycles in which some result must come."""
PHOTOGRAPHS = 100
"""Of which those are sent that take the bytes of most."""


@dataclass(frozen=True)
class Linked:
    """A board whose simulation, with its link, is compiled.

    Attributes
    ----------
    target : Board
    board : GeneratedBoard
    link : Line or Ethernet
    library : Path
    """

    target: Board
    board: GeneratedBoard
    link: Line | Ethernet
    library: Path


def run(
    console: Console, shared: Path, limit: int | None = None, only: Sequence[str] = ALL
) -> dict[str, Any]:
    """Measure cases, print what comes of each at once, and a table of all.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models`` and ``imagenet``, whose photographs are coded.
    limit : int or None
        Frames to simulate.
    only : sequence of str
        Patterns of the titles of cases to measure.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If there is no such case, or a board cannot be generated or simulated, or stops answering.
    """
    cases = [case for case in CASES if chosen(case.title, only)]
    if not cases:
        titles = "; ".join(case.title for case in CASES)
        raise FirebrickError(f"no case is called {' or '.join(only)!r}; there are {titles}")
    figures = {}
    for case in cases:
        for title, found in _play(console, case, shared, limit):
            rate, wrong = found["frames/s"], found["wrong frames"]
            console.print(f"{title}: {rate} frames/s, {wrong} wrong", highlight=False)
            figures[title] = found
    console.print(_table(figures))
    return figures


def _play(
    console: Console, case: Case, shared: Path, limit: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What comes of a case's ways to send frames, by title.

    Parameters
    ----------
    console : Console
    case : Case
    shared : path
    limit : int or None
    """
    with (
        console.status(case.title),
        tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder,
    ):
        network = case.network(shared)
        made = plan(network, case.board, case.clock_hz, utilisation=case.utilisation)
        linked = compiled(network, made, case.board, BuildFolder(Path(folder) / "board"))
        frames = _frames(case, network, shared, min(case.frames, limit or case.frames))
        for steps in case.steps or (None,):
            title = case.title if steps is None else f"{case.title}, {steps.option}"
            yield title, measure(linked, frames, steps)


def _frames(case: Case, network: QuantizedNetwork, shared: Path, count: int) -> np.ndarray:
    """Photographs of the most usual sizes if they are to be coded; else noise."""
    if not case.steps:
        return random_frames(network, count)
    height, width, channels = network.input.shape
    preprocessing = default_preprocessing(height, width, channels)
    frames = evaluation(shared / "imagenet", preprocessing, PHOTOGRAPHS)[0]
    sizes = np.array([len(encode(frame, Steps())) for frame in frames])
    return frames[np.argsort(np.abs(sizes - sizes.mean()))[:count]]


def compiled(
    network: QuantizedNetwork,
    made: Plan,
    target: Board,
    folder: BuildFolder,
    *,
    key: bytes | None = None,
) -> Linked:
    """Generate a board and compile its simulation.

    Parameters
    ----------
    network : QuantizedNetwork
    made : Plan
    target : Board
        Whose UART or Ethernet it is.
    folder : BuildFolder
        Where the board is generated.
    key : bytes, optional
        Of whoever may replace contents; for keyed boards.
    """
    emit(network, made, target, folder, key=key)
    board, link = GeneratedBoard.load(folder), load_link(folder)
    return Linked(target, board, link, build_board(board, link=link))


def measure(linked: Linked, frames: np.ndarray, steps: Steps | None = None) -> dict[str, Any]:
    """Send frames back to back over a board's link.

    Parameters
    ----------
    linked : Linked
    frames : uint8 array (N, height, width, channels)
        Two or more.
    steps : Steps or None
        That they are coded with; they go raw if None.

    Raises
    ------
    FirebrickError
        If the board stops answering.
    """
    network, link = linked.board.network, linked.link
    with Simulator(linked.library) as simulator:
        if isinstance(link, Ethernet):
            sums, finished = _over_lan(Machine(simulator, link.station), network, frames, steps)
            bits, rate, ticks = 8, link.phy.bits_per_second, link.tick_hz
        else:
            result = simulate(simulator, network, frames, steps=steps)
            sums, finished = result.sums, result.finished
            bits, rate, ticks = UART_BITS, link.baud, link.clock_hz
    seen, sent = frames, float(frames[0].size)
    if steps is not None:
        seen = np.stack([to_pixels(to_levels(frame, steps), steps) for frame in frames])
        counted = frames[_uncounted(len(frames)) :]
        sent = float(np.mean([len(encode(frame, steps)) for frame in counted]))
    wrong = (sums != golden.class_sums(network, seen)).any(axis=1)
    seconds = pace(finished) / ticks
    made = linked.board.plan
    reported = link_frames_per_second(network, linked.target, part=sent / frames[0].size)
    return {
        "frames": len(frames),
        "bytes a frame": round(sent),
        "wrong frames": int(wrong.sum()),
        "clock cycles a frame": round(seconds * made.clock_hz),
        "of the accelerator alone": made.cycles,
        "frames/s": round(1 / seconds, 1),
        "frames/s, as reported": round(min(reported, made.clock_hz / made.cycles), 1),
        "frames' bytes, of the line's rate": round(sent * bits / rate / seconds, 4),
    }


def _uncounted(frames: int) -> int:
    """How many of the first frames do not count: the board takes them in without waiting."""
    return min(8, frames // 2, frames - 2) + 1


def pace(finished: np.ndarray) -> float:
    """Ticks a frame, where ``finished`` has the tick of each one's result, of two or more."""
    first = _uncounted(len(finished)) - 1
    return float(finished[-1] - finished[first]) / (len(finished) - 1 - first)


def _over_lan(
    machine: Machine, network: QuantizedNetwork, frames: np.ndarray, steps: Steps | None
) -> tuple[np.ndarray, np.ndarray]:
    """Class sums, and the clock cycle in which each frame's were there.

    Parameters
    ----------
    machine : Machine
    network : QuantizedNetwork
    frames : uint8 array (N, height, width, channels)
    steps : Steps or None
    """
    session = Session(network.digest, 0)
    sums: list[np.ndarray] = []
    finished: list[int] = []
    submitted = moved = 0
    while len(sums) < len(frames):
        while session.may_submit and submitted < len(frames):
            item = Sent.of(frames[submitted], steps)
            session.submit(item.data, coded=item.coded)
            submitted += 1
        for packet in session.packets():
            machine.send(packet, PORT)
        machine.advance(SLICE)
        for _, data in machine.take():
            session.receive(data)
        for _, result in session.results:
            sums.append(result.sums)
            finished.append(machine.cycles)
            moved = machine.cycles
        session.results.clear()
        if machine.cycles - moved > PATIENCE:
            raise FirebrickError(f"the simulated board stopped after {len(sums)} frames")
    return np.stack(sums), np.array(finished)


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *figures, title="link", title_justify="left")
    for name in next(iter(figures.values())):
        table.add_row(name, *(f"{entry[name]}" for entry in figures.values()))
    return table
