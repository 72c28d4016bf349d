"""Links: how much of a line's rate arrives as pixels, bit by bit in simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.accuracy import evaluation
from boards import BOARDS
from boards.board import Board
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.ir.preprocessing import default_preprocessing
from gen.link_options import Address, on_lan
from gen.plan.link import UART_BITS, link_frames_per_second
from gen.plan.planner import plan
from protocol.coding.encode import encode
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import Steps
from protocol.session import Session
from sim import golden
from sim.board import Ethernet, build_board, load_link
from sim.frames import GeneratedBoard, simulate, submit
from sim.lan import Machine
from sim.simulator import Simulator
from tests.networks import NetworkBuilder, random_frames

ARTY = BOARDS["arty_a7"]
PORT = 4000
SLICE = 200
"""Clock cycles between two looks at what came from the network."""
PATIENCE = 2_000_000
"""Clock cycles in which some result must come."""


@dataclass(frozen=True)
class Case:
    """A network at the end of a line, and how many frames to send.

    Attributes
    ----------
    title : str
    network : callable
    board : Board
    frames : int
    clock_hz : int or None
        The board's if None.
    steps : Steps or None
        Photographs are sent, coded with these; random frames, raw, if None.
    """

    title: str
    network: Callable[[], QuantizedNetwork]
    board: Board
    frames: int
    clock_hz: int | None = None
    steps: Steps | None = None


def light_network(size: int = 64, classes: int = 5) -> QuantizedNetwork:
    """Large pictures and little work: every pixel is taken as fast as it can come."""
    net = NetworkBuilder((size, size, 3), 1)
    x = net.conv("conv1", INPUT, 4, 3, stride=2)
    x = net.conv("conv2", x, classes, 1, signed=True)
    return net.finish("light", x)


def same_frames_network() -> QuantizedNetwork:
    """Frames and results as long as the default's, and little work."""
    return light_network(32, 10)


def photographs_network() -> QuantizedNetwork:
    """Frames and results as long as SqueezeNet's, and little work."""
    return light_network(224, 1000)


GENESYS = BOARDS["genesys2"]
LAN = on_lan(ARTY, Address())
CODED_UART = replace(ARTY, baud=12_000_000, coded=True)
CODED_LAN = replace(LAN, coded=True)
FAST_CLOCK = 125_000_000
"""Hz at which the shell, which takes a byte a cycle, is faster than a line of 1 Gb/s."""
CASES = (
    Case("light, UART at 3 Mbaud", same_frames_network, replace(ARTY, baud=3_000_000), 6),
    Case("light, UART at 12 Mbaud", same_frames_network, replace(ARTY, baud=12_000_000), 20),
    Case("light, UDP at 100 Mb/s", light_network, LAN, 40),
    Case("light, UDP at 1 Gb/s", light_network, on_lan(GENESYS, Address()), 40),
    Case("light, 1 Gb/s, 125 MHz", light_network, on_lan(GENESYS, Address()), 40, FAST_CLOCK),
    Case("default, UDP at 100 Mb/s", default_network, LAN, 20),
    Case("light 224, 12 Mbaud, 2,4", photographs_network, CODED_UART, 6, steps=Steps(2, 4)),
    Case("light 224, 100 Mb/s, lossless", photographs_network, CODED_LAN, 20, steps=Steps()),
    Case("light 224, 100 Mb/s, 2,4", photographs_network, CODED_LAN, 20, steps=Steps(2, 4)),
)


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Measure every case and print a table of them.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``imagenet``, whose photographs are coded.
    limit : int or None
        Frames to simulate.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If a board cannot be generated or simulated, or stops answering.
    """
    figures = {}
    for case in CASES:
        with (
            console.status(case.title),
            tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder,
        ):
            count = min(case.frames, limit or case.frames)
            out = BuildFolder(Path(folder) / "board")
            network = case.network()
            frames = _frames(case, network, shared, count)
            figures[case.title] = measure(
                network, case.board, frames, out, clock_hz=case.clock_hz, steps=case.steps
            )
    console.print(_table(figures))
    return figures


def _frames(case: Case, network: QuantizedNetwork, shared: Path, count: int) -> np.ndarray:
    """Photographs if they are to be coded; else noise."""
    if case.steps is None:
        return random_frames(network, count)
    height, width, channels = network.input.shape
    preprocessing = default_preprocessing(height, width, channels)
    return evaluation(shared / "imagenet", preprocessing, count)[0][:count]


def measure(
    network: QuantizedNetwork,
    target: Board,
    frames: np.ndarray,
    folder: BuildFolder,
    *,
    clock_hz: int | None = None,
    steps: Steps | None = None,
) -> dict[str, Any]:
    """Send frames back to back over a board's link.

    Parameters
    ----------
    network : QuantizedNetwork
    target : Board
        Whose UART or Ethernet it is.
    frames : uint8 array (N, height, width, channels)
        Two or more.
    folder : BuildFolder
        Where the board is generated.
    clock_hz : int or None
        The board's if None.
    steps : Steps or None
        That they are coded with; they go raw if None.

    Raises
    ------
    FirebrickError
        If the board stops answering.
    """
    emit(network, plan(network, target, clock_hz), target, folder)
    board, link = GeneratedBoard.load(folder), load_link(folder)
    with Simulator(build_board(board, link=link)) as simulator:
        if isinstance(link, Ethernet):
            sums, finished = _over_lan(Machine(simulator, link.station), network, frames, steps)
            bits, rate, ticks = 8, link.phy.bits_per_second, link.tick_hz
        else:
            result = simulate(simulator, network, frames, steps=steps)
            sums, finished = result.sums, result.finished
            bits, rate, ticks = UART_BITS, link.baud, link.clock_hz
    seen, sent = frames, frames[0].size
    if steps is not None:
        seen = np.stack([to_pixels(to_levels(frame, steps), steps) for frame in frames])
        sent = round(np.mean([len(encode(frame, steps)) for frame in frames]))
    wrong = (sums != golden.class_sums(network, seen)).any(axis=1)
    seconds = pace(finished) / ticks
    reported = link_frames_per_second(network, target, part=sent / frames[0].size)
    return {
        "frames": len(frames),
        "bytes a frame": sent,
        "wrong frames": int(wrong.sum()),
        "clock cycles a frame": round(seconds * board.plan.clock_hz),
        "of the accelerator alone": board.plan.cycles,
        "frames/s": round(1 / seconds, 1),
        "frames/s, as reported": round(reported, 1),
        "frames' bytes, of the line's rate": round(sent * bits / rate / seconds, 4),
    }


def pace(finished: np.ndarray) -> float:
    """Ticks a frame, where ``finished`` has the tick of each one's result, of two or more.

    The first frames, which the board takes in without waiting, are left out as far as can be.
    """
    first = min(8, len(finished) // 2, len(finished) - 2)
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
            submit(session, frames[submitted], steps)
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
