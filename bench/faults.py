"""Faults: what a bad link does to frames, to the board and to the host."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.designs import emitted
from boards import BOARDS
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress, progress_line
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from host.driver import Driver
from host.sim_transport import SimTransport
from host.transport import Transport
from protocol.packets import FLAG
from sim import golden
from sim.frames import simulate
from sim.simulator import Simulator
from sim.verilate import build
from tests.networks import random_frames, tiny_network

BOARD = "arty_a7"
CLEAN = 16
"""Frames that are sent after the faults, over a link without any."""
KINDS = 32
"""Different frames that are sent again and again."""
SEED = 1
CHANCE, BACK = 0.7, 0.2
"""That a packet to the board, and one from it, meets a fault: several a frame, and frames pass."""
STALLS = 0.3
"""How likely a stream pauses in a cycle."""
_FLAG = bytes([FLAG])
_REMEMBERED = 8
"""Packets that may come again."""


@dataclass(frozen=True)
class Case:
    """What a network is to bear.

    Attributes
    ----------
    title : str
    network : callable
        Makes it.
    faults : int
        On the link.
    patience : int
        How long a retry waits, in clock cycles.
    soak : int
        Frames over a link that stalls at random.
    """

    title: str
    network: Callable[[], QuantizedNetwork]
    faults: int
    patience: int
    soak: int


CASES = (
    Case("tiny network", tiny_network, 10_000, 5_000, 1000),
    Case("default network", default_network, 10_000, 2_500, 1000),
)


@dataclass(frozen=True)
class Victim:
    """A packet as it is on the line, or a part of one, that meets a fault from ``at`` to ``end``.

    ``before`` are those that went the same way before it.
    """

    data: bytes
    at: int
    end: int
    before: list[bytes]

    @property
    def head(self) -> bytes:
        """What is not touched."""
        return self.data[: self.at]


@dataclass
class BadLink(Transport):
    """A simulated board whose packets are spoilt both ways, at random.

    Attributes
    ----------
    board : SimTransport
    chance : float
        That a packet to the board meets a fault.
    back : float
        That one from the board does. A lost result costs a frame, so fewer are good measure.
    weights : sequence of float
        How often each of :data:`FAULTS` happens; :data:`WEIGHTS` unless given.
    faults : Counter
        By kind.
    """

    board: SimTransport
    chance: float
    back: float
    rng: random.Random
    weights: Sequence[float] = field(default_factory=lambda: WEIGHTS)
    faults: Counter[str] = field(default_factory=Counter)
    sent: list[bytes] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The board's."""
        return self.board.name

    def now(self) -> float:
        """The board's clock."""
        return self.board.now()

    def write(self, data: bytes) -> None:
        """Send ``data``, or what is left of it."""
        for part in _parts(data):
            self.board.write(self.spoil(part, self.sent, self.chance))

    def read(self, timeout: float) -> bytes:
        """What came, or what is left of it."""
        parts = _parts(self.board.read(timeout))
        return b"".join(self.spoil(part, self.came, self.back) for part in parts)

    def close(self) -> None:
        """Close the board."""
        self.board.close()

    def spoil(self, data: bytes, before: list[bytes], chance: float) -> bytes:
        """Let a fault happen now and then.

        Parameters
        ----------
        data : bytes
            A packet as it is on the line, or a part of one.
        before : list of bytes
            The last packets that went the same way; ``data`` is added to them.
        chance : float
            That it meets a fault.

        Returns
        -------
        bytes
            What arrives of it.
        """
        before[:] = [*before[-_REMEMBERED:], data]
        if self.rng.random() >= chance:
            return data
        (kind,) = self.rng.choices(list(FAULTS), self.weights)
        self.faults[kind] += 1
        at = self.rng.randrange(len(data))
        end = min(len(data), at + self.rng.choice((1, 2, 10, 600)))
        return FAULTS[kind](self, Victim(data, at, end, before))

    def flip(self, victim: Victim) -> bytes:
        """Turn one bit over."""
        flipped = victim.data[victim.at] ^ 1 << self.rng.randrange(8)
        return victim.head + bytes([flipped]) + victim.data[victim.at + 1 :]

    def drop(self, victim: Victim) -> bytes:
        """Lose some bytes."""
        return victim.head + victim.data[victim.end :]

    def truncate(self, victim: Victim) -> bytes:
        """Lose the rest."""
        return victim.head

    def duplicate(self, victim: Victim) -> bytes:
        """Send some bytes twice."""
        return victim.data[: victim.end] + victim.data[victim.at :]

    def repeat(self, victim: Victim) -> bytes:
        """Send everything twice."""
        return victim.data + victim.data

    def reorder(self, victim: Victim) -> bytes:
        """Send something old in front."""
        return self.rng.choice(victim.before) + victim.data

    def garbage(self, victim: Victim) -> bytes:
        """Send some bytes that nobody meant."""
        random_bytes = self.rng.randbytes(victim.end - victim.at)
        return victim.head + random_bytes + victim.data[victim.at :]

    def reset(self, victim: Victim) -> bytes:
        """Press the board's reset button."""
        self.board.reset()
        return victim.data[victim.at :]


def _parts(data: bytes) -> list[bytes]:
    """Cut bytes in front of each flag: packets, and a part of one at either end."""
    first, *others = data.split(_FLAG)
    return ([first] if first else []) + [_FLAG + other for other in others]


FAULTS: dict[str, Callable[[BadLink, Victim], bytes]] = {
    method.__name__: method
    for method in (
        BadLink.flip,
        BadLink.drop,
        BadLink.truncate,
        BadLink.duplicate,
        BadLink.repeat,
        BadLink.reorder,
        BadLink.garbage,
        BadLink.reset,
    )
}
WEIGHTS: tuple[float, ...] = (1, 1, 1, 1, 1, 1, 1, 0.04)
"""How often each kind happens. A reset costs all frames on the board, others mostly a packet."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Play all cases and print what came of them.

    Parameters
    ----------
    console : Console
    shared : path
        Not used: the frames are random.
    limit : int or None
        Faults of a case, and frames of its soak, at most.
    """
    figures = {case.title: _play(case, limit) for case in CASES}
    console.print(_table(figures))
    return figures


def _play(case: Case, limit: int | None) -> dict[str, Any]:
    network = case.network()
    faults, soaked = (min(count, limit or count) for count in (case.faults, case.soak))
    with progress_line(case.title) as progress:
        progress.begin("compiling")
        with emitted(replace(BOARDS[BOARD], coded=True), network) as (_, out):
            suffered = measure(out, network, faults, case.patience, progress=progress)
            soaking = soak(out, network, soaked, progress=progress)
    return suffered | soaking


def _frames(network: QuantizedNetwork) -> np.ndarray:
    """Random frames; every other one is dark, so that it is shorter coded than raw."""
    frames = random_frames(network, KINDS, SEED)
    frames[::2] >>= 5
    return frames


def measure(
    folder: BuildFolder,
    network: QuantizedNetwork,
    faults: int,
    patience: int,
    *,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Stream frames until so many faults have happened, then some more without any.

    Parameters
    ----------
    folder : BuildFolder
        Emitted for that network.
    network : QuantizedNetwork
    faults : int
    patience : int
        Clock cycles without progress, after which the host asks.
    progress : Progress
        Told how many there have been.
    """
    frames = _frames(network)
    expected = golden.class_sums(network, frames)
    # The driver asks after a quarter of a second.
    board = SimTransport(folder, cycles_per_second=4 * patience)
    progress.begin("faults")
    link = BadLink(board, 0.0, 0.0, random.Random(SEED))
    answered = wrong = 0
    wedge = None
    with Driver(link, network, timeout=60) as accelerator:

        def source() -> Iterator[np.ndarray]:
            link.chance, link.back = CHANCE, BACK
            number = 0
            while link.faults.total() < faults:
                yield frames[number % KINDS]
                number += 1
            link.chance = link.back = 0.0
            for clean in range(number, number + CLEAN):
                yield frames[clean % KINDS]

        try:
            for result in accelerator.stream(source()):
                wrong += not np.array_equal(result.sums, expected[answered % KINDS])
                answered += 1
                progress.advance(link.faults.total(), faults)
        except FirebrickError as error:
            wedge = str(error)
        return {
            "faults": link.faults.total(),
            **{f"fault: {kind}": link.faults[kind] for kind in FAULTS},
            "frames": answered,
            "wrong answers": wrong,
            "wedged": wedge or "no",
            **accelerator.losses(),
            "clock cycles": board.cycles,
        }


def soak(
    folder: BuildFolder,
    network: QuantizedNetwork,
    count: int,
    *,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Send frames back to back while the streams at the link pause at random.

    Parameters
    ----------
    folder : BuildFolder
        Emitted for that network, and compiled.
    network : QuantizedNetwork
    count : int
        Frames.
    progress : Progress
        Told how many results there are.
    """
    frames = random_frames(network, count, SEED)
    with Simulator(build(folder.sim_verilog, folder.simulation)) as simulator:
        progress.begin("frames with stalls")
        simulator.stall(SEED, i=STALLS, o=STALLS)
        result = simulate(simulator, network, frames, progress=progress)
    wrong = (result.sums != golden.class_sums(network, frames)).any(axis=1)
    return {"frames with stalls": count, "wrong among them": int(wrong.sum())}


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *figures, title="faults", title_justify="left")
    for name in next(iter(figures.values())):
        table.add_row(name, *(f"{entry[name]}" for entry in figures.values()))
    return table
