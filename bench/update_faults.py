"""Updates over a bad link, while frames are sent, and class sums behind them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.designs import emitted
from bench.faults import FAULTS, BadLink
from bench.update_talk import KEY, Contents, answers, keyed_board, small_network
from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from gen.ir.envelope import without_envelope
from gen.ir.network import QuantizedNetwork
from host.exchange import Exchange
from host.sim_transport import SimTransport
from host.transport import ByteLink, Transport
from protocol.contents.layout import differing
from protocol.contents.writer import in_frames
from protocol.messages import NETWORK_BYTES, Part
from protocol.packets import Form, Kind, Packet
from sim import golden
from sim.frames import GeneratedBoard, Sent, simulate
from sim.simulator import Simulator
from sim.update import Update, run_update
from sim.verilate import build
from tests.networks import other_contents, random_frames

UPDATES = 1000
SEED = 3
NETWORKS = 3
"""Besides the build's."""
FRAME_BYTES = 512
"""Of contents: several an update, so that frames of pixels come in between."""
KINDS = 8
"""Different frames of pixels."""
CHECKED = 2
"""Frames behind each update, which must be answered."""
CHANCE, BACK = 0.15, 0.05
"""That a packet to the board, and one from it, meets a fault."""
WEIGHTS = tuple(0.3 if kind == "reset" else 1.0 for kind in FAULTS)
LEFT = 0.1
"""How likely an update is left in the middle, and another network is sent instead."""
ROUNDS = 100
"""Attempts that an update may take."""
PATIENCE = 5000
"""How long a retry waits, in clock cycles."""
TIMEOUT = 60.0
"""Seconds without progress, of the board's clock."""
WHOLE = 100
"""Frames to compare the sums of two boards with."""

RIGHT, REFUSED, WRONG, OF_CONTENTS = JUDGEMENTS = (
    *("frames right", "frames refused", "wrong answers", "answers to contents"),
)
"""Of results, as they come."""
LEFT_OPEN = "updates left in the middle"
BEHIND, WRONG_BEHIND = "frames behind updates", "wrong or refused behind updates"


class Witness(ByteLink):
    """Sees what the host says and what comes back, and judges each result by itself.

    Parameters
    ----------
    transport : Transport
    frames : uint8 array (N, height, width, channels)
        All that are sent; each goes into one packet.
    networks : sequence of QuantizedNetwork
        All that the board may hold.

    Attributes
    ----------
    results : Counter
        Results that came whole, by what is to be said of them.
    """

    def __init__(
        self, transport: Transport, frames: np.ndarray, networks: Sequence[QuantizedNetwork]
    ):
        super().__init__(transport)
        self._numbers = {frame.tobytes(): number for number, frame in enumerate(frames)}
        self._sums = {
            network.digest[:NETWORK_BYTES]: golden.class_sums(network, frames)
            for network in networks
        }
        self._asked: dict[int, int | None] = {}
        """Which frame a number is of; None if it is one of contents."""
        self.results: Counter[str] = Counter()

    def send(self, packets: list[bytes]) -> None:
        """Note which frames they are, and send them."""
        for data in packets:
            packet = Packet.decode(data)
            if packet is not None and packet.kind == Kind.FRAME:
                contents = packet.form & Form.CONTENTS
                number = None if contents else self._numbers[packet.payload]
                self._asked[packet.sequence] = number
        super().send(packets)

    def receive(self, timeout: float) -> list[bytes]:
        """Judge results."""
        came = super().receive(timeout)
        for data in came:
            packet = Packet.decode(data)
            if packet is not None and packet.kind == Kind.RESULT:
                self.results[self._judged(packet)] += 1
        return came

    def _judged(self, packet: Packet) -> str:
        """What to say of a result."""
        number = self._asked[packet.sequence]
        if number is None:
            return OF_CONTENTS
        if packet.form & Form.REFUSED:
            return REFUSED
        classes = next(iter(self._sums.values())).shape[1]
        part = Part.decode(packet.payload, packet.index, classes)
        sums = self._sums.get(part.network)
        right = sums is not None and np.array_equal(part.sums, sums[number])
        return RIGHT if right else WRONG


@dataclass(frozen=True, eq=False)
class Tried:
    """A host that updates a board over and over.

    Attributes
    ----------
    exchange : Exchange
    frames : uint8 array (N, height, width, channels)
    rng : Random
    done : Counter
        What it did.
    """

    exchange: Exchange
    frames: np.ndarray
    rng: random.Random
    done: Counter[str]

    def updates(self, held: Sequence[Contents], count: int) -> Iterator[int]:
        """Update the board so many times, each time with another network; tells how many there are.

        Parameters
        ----------
        held : sequence of Contents
            Of its networks.
        count : int

        Raises
        ------
        FirebrickError
            If the board stops to answer, or an update comes to no end.
        """
        self.exchange.meet()
        while self.done["updates"] < count:
            now = self.exchange.info.digest
            others = [contents for contents in held if contents.network.digest != now]
            if self.rng.random() < LEFT:
                self.bring(self.rng.choice(others), leave=True)
            target = self.rng.choice(others)
            self.bring(target)
            self.classify(target.network)
            self.done["updates"] += 1
            yield self.done["updates"]

    def bring(self, target: Contents, *, leave: bool = False) -> None:
        """Send a network until the board says that it holds it, and frames of pixels meanwhile.

        Parameters
        ----------
        target : Contents
        leave : bool
            Send only a part of it, once.

        Raises
        ------
        FirebrickError
            If that is not to be had.
        """
        for _ in range(ROUNDS):
            state, info = self.exchange.contents(), self.exchange.info
            missing = differing(target.images, state.checks)
            if not missing and not state.updating and info.digest == target.network.digest:
                return
            blocks = target.blocks(state.counter + 1, KEY, missing)
            if leave:
                blocks = blocks[: self.rng.randrange(1, len(blocks))]
            self.done["attempts"] += 1
            answers(self.exchange, self._mixed(blocks))
            if leave:
                self.done[LEFT_OPEN] += 1
                return
        raise FirebrickError(f"an update was not complete after {ROUNDS} attempts")

    def _mixed(self, blocks: Sequence[bytes]) -> Iterator[Sent]:
        """Blocks in frames, and frames of pixels before, between and behind these."""
        for frame in in_frames(blocks, FRAME_BYTES):
            yield from self._pixels(self.rng.choice((0, 1, 1, 2)))
            yield Sent(frame, contents=True)
        yield from self._pixels(1)

    def _pixels(self, count: int) -> Iterator[Sent]:
        for _ in range(count):
            yield Sent.of(self.rng.choice(list(self.frames)))

    def classify(self, network: QuantizedNetwork) -> None:
        """Send frames of pixels to a board that holds a network."""
        chosen = self.frames[self.rng.sample(range(len(self.frames)), CHECKED)]
        came = answers(self.exchange, [Sent.of(frame) for frame in chosen])
        for result, sums in zip(came, golden.class_sums(network, chosen), strict=True):
            self.done[BEHIND] += 1
            wrong = result.refused or not np.array_equal(result.sums, sums)
            self.done[WRONG_BEHIND] += wrong


def measure(board: GeneratedBoard, updates: int, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Update a board so many times over a link with faults.

    Parameters
    ----------
    board : GeneratedBoard
        With :data:`bench.update_talk.KEY`, its network updatable.
    updates : int
    progress : Progress
        Told how many are complete.
    """
    rng = random.Random(SEED)
    others = (other_contents(board.network, seed) for seed in range(1, NETWORKS + 1))
    networks = [board.network, *others]
    held = [Contents.of(board, network) for network in networks]
    frames = random_frames(board.network, KINDS, SEED)
    progress.begin("updates")
    simulation = SimTransport(board.folder, cycles_per_second=4 * PATIENCE)
    link = BadLink(simulation, CHANCE, BACK, rng, WEIGHTS)
    wedge = "no"
    with Witness(link, frames, networks) as witness:
        host = Tried(Exchange(witness, None, TIMEOUT), frames, rng, Counter())
        try:
            for done in host.updates(held, updates):
                progress.advance(done, updates)
        except FirebrickError as error:
            wedge = str(error)
        return {
            **{name: host.done[name] for name in ("updates", "attempts", LEFT_OPEN)},
            "faults": link.faults.total(),
            **{f"fault: {kind}": link.faults[kind] for kind in FAULTS},
            **{name: witness.results[name] for name in JUDGEMENTS},
            **{name: host.done[name] for name in (BEHIND, WRONG_BEHIND)},
            "wedged": wedge,
            **host.exchange.losses(),
            "clock cycles": simulation.cycles,
        }


def compare(board: GeneratedBoard, count: int, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Compare an updated board with one that was generated with these weights, which stay.

    Parameters
    ----------
    board : GeneratedBoard
        With :data:`bench.update_talk.KEY`, its network updatable.
    count : int
        Frames.
    progress : Progress
    """
    network = other_contents(board.network, 1)
    frames = random_frames(network, count, SEED)
    progress.begin("frames behind an update")
    with Simulator(build(board.folder.sim_verilog, board.folder.simulation)) as simulator:
        result = run_update(simulator, Update.of(board, network, KEY), frames, progress=progress)
    updated = result.phases[-1]
    fixed = without_envelope(network)
    progress.begin("frames of a board with these weights")
    with (
        emitted(BOARDS["arty_a7"], fixed) as (_, folder),
        Simulator(build(folder.sim_verilog, folder.simulation)) as simulator,
    ):
        sums = simulate(simulator, fixed, frames, progress=progress).sums
    return {
        "frames": count,
        "refused behind the update": updated.refused,
        "unlike the golden model": updated.wrong,
        "unlike a board with these weights": int((updated.sums != sums).any(axis=1).sum()),
        "unlike the board before": int((updated.sums != result.phases[0].sums).any(axis=1).sum()),
    }


def run(limit: int | None, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
    """Update a small network's board, and compare its sums with another board's.

    Parameters
    ----------
    limit : int or None
        Updates and frames at most.
    progress : Progress
    """
    with keyed_board(small_network()) as board:
        suffered = measure(board, min(UPDATES, limit or UPDATES), progress=progress)
        return suffered, compare(board, min(WHOLE, limit or WHOLE), progress=progress)
