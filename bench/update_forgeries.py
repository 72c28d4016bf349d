"""Forged, replayed and altered updates, against the simulated gateware and against its model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.update_talk import KEY, Contents, answers, keyed_board, small_network
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from host.exchange import Exchange
from host.sim_transport import SimTransport
from host.transport import ByteLink
from protocol.contents.blocks import HEADER, KEY_BYTES, TAG_BYTES, Status, tag
from protocol.contents.model import ContentsModel
from protocol.messages import Result
from sim import golden
from sim.frames import GeneratedBoard, Sent
from tests.networks import fire_network, other_contents, random_frames, updatable

FORGERIES = 10_000
"""Half of them before an update and half of them amid one."""
SEED = 2
BATCH = 50
"""Forgeries between two questions what the gateware holds."""
FRAMES = 4
"""Of pixels, before and after."""
TIMEOUT = 60.0
"""Seconds of the simulated board's time."""
_COUNTER, _INDEX = slice(0, 4), slice(4, 6)
"""Where a header has them."""


@dataclass(frozen=True, eq=False)
class Forger:
    """Someone who hears all that is sent, and has no key.

    Attributes
    ----------
    rng : Random
    earlier : sequence of bytes
        Blocks of updates that are complete.
    taken, coming : sequence of bytes
        Of this update: what the board has taken, and what it waits for.
    foreign : sequence of bytes
        Of an update of a board of another structure that has the same key.
    """

    rng: random.Random
    earlier: Sequence[bytes]
    taken: Sequence[bytes]
    coming: Sequence[bytes]
    foreign: Sequence[bytes]

    def genuine(self) -> bytearray:
        """A block that is to be sent, every other time the one that the board waits for."""
        first = self.rng.random() < 0.5
        return bytearray(self.coming[0] if first else self.rng.choice(self.coming))

    def other_key(self) -> bytes:
        """Sign with another key."""
        signed = self.genuine()[:-TAG_BYTES]
        return bytes(signed) + tag(bytes(signed), self.rng.randbytes(KEY_BYTES))

    def header_bit(self) -> bytes:
        """Turn a bit of the header over."""
        return self._flipped(self.genuine(), 0, HEADER.size)

    def data_bit(self) -> bytes:
        """Turn a bit of the data over."""
        block = self.genuine()
        return self._flipped(block, HEADER.size, len(block) - TAG_BYTES)

    def tag_bit(self) -> bytes:
        """Turn a bit of the tag over."""
        block = self.genuine()
        return self._flipped(block, len(block) - TAG_BYTES, len(block))

    def replayed(self) -> bytes:
        """Send a block of a complete update again."""
        return self.rng.choice(self.earlier)

    def whole_replayed(self) -> bytes:
        """Send a complete update again, or the part of this one that was taken."""
        blocks = self.taken if self.taken and self.rng.random() < 0.5 else self.earlier
        return b"".join(blocks)

    def repeated(self) -> bytes:
        """Send a block again that was just taken, or leave some out."""
        return self.rng.choice([*self.taken, *self.coming[1:]])

    def other_counter(self) -> bytes:
        """Write another counter into a block."""
        return self._field(_COUNTER, self.rng.choice((self.earlier, self.coming)))

    def other_index(self) -> bytes:
        """Write another index into a block."""
        return self._field(_INDEX, self.rng.choice((self.earlier, self.coming)))

    def cut(self) -> bytes:
        """Send the beginning of a block."""
        block = self.genuine()
        return bytes(block[: self.rng.randrange(1, len(block))])

    def other_structure(self) -> bytes:
        """Send an update that another board would take."""
        return b"".join(self.foreign[: self.rng.randrange(1, len(self.foreign) + 1)])

    def noise(self) -> bytes:
        """Send random bytes."""
        return self.rng.randbytes(self.rng.randrange(1, 300))

    def _flipped(self, block: bytearray, start: int, stop: int) -> bytes:
        block[self.rng.randrange(start, stop)] ^= 1 << self.rng.randrange(8)
        return bytes(block)

    def _field(self, where: slice, blocks: Sequence[bytes]) -> bytes:
        """Replace a field by a small number, or by that of the block that comes next."""
        block, size = bytearray(self.rng.choice(blocks)), where.stop - where.start
        now = int.from_bytes(self.coming[0][where], "little")
        number = max(0, now + self.rng.choice((-1, 0, 1, 2)))
        if number.to_bytes(size, "little") == block[where]:
            number += 1
        block[where] = number.to_bytes(size, "little")
        return bytes(block)


FORGERS: dict[str, Callable[[Forger], bytes]] = {
    "another key": Forger.other_key,
    "a bit of the header": Forger.header_bit,
    "a bit of the data": Forger.data_bit,
    "a bit of the tag": Forger.tag_bit,
    "a block of an earlier update": Forger.replayed,
    "an earlier update": Forger.whole_replayed,
    "another order": Forger.repeated,
    "another counter": Forger.other_counter,
    "another index": Forger.other_index,
    "cut short": Forger.cut,
    "another structure": Forger.other_structure,
    "noise": Forger.noise,
}


class Target:
    """A simulated board with a key, and the model of its contents.

    Parameters
    ----------
    board : GeneratedBoard
        With :data:`KEY`.
    transport : SimTransport
        To it, as it was configured.
    """

    def __init__(self, board: GeneratedBoard, transport: SimTransport):
        self._exchange = Exchange(ByteLink(transport), None, TIMEOUT)
        self._exchange.meet()
        held = Contents.of(board, board.network)
        self.model = ContentsModel(self._exchange.info, held.checks, KEY)
        self._frames = random_frames(board.network, FRAMES, SEED)
        self.found: Counter[str] = Counter()
        """What must not be, by what it is."""
        self.statuses: Counter[str] = Counter()
        """Why forgeries were refused."""

    def take(self, blocks: Sequence[bytes]) -> None:
        """Send what is genuine.

        Raises
        ------
        FirebrickError
            If it is refused.
        """
        status, _ = self.model.receive(b"".join(blocks))
        (answer,) = answers(self._exchange, [Sent(b"".join(blocks), contents=True)])
        if answer.refused or status is not Status.OK:
            raise FirebrickError(f"a genuine update was refused ({_status(answer).name})")

    def classify(self, network: Any) -> None:
        """See that frames of pixels get the sums of a network."""
        expected = golden.class_sums(network, self._frames)
        came = answers(self._exchange, [Sent.of(frame) for frame in self._frames])
        for result, sums in zip(came, expected, strict=True):
            self.found["wrong frames"] += result.refused or (result.sums != sums).any()

    def attack(self, forged: Sequence[bytes], progress: Progress) -> None:
        """Send forgeries to the model and to the gateware.

        Parameters
        ----------
        forged : sequence of bytes
            A frame each.
        progress : Progress
            Told how many the gateware has answered.
        """
        before, statuses = self._known, []
        for frame in forged:
            status, writes = self.model.receive(frame)
            statuses.append(status)
            self.statuses[status.name] += 1
            self.found["taken by the model"] += status is Status.OK
            self.found["words written in the model"] += len(writes)
            self.found["changes of the model"] += before != self._known
        for start in range(0, len(forged), BATCH):
            part = forged[start : start + BATCH]
            came = answers(self._exchange, [Sent(frame, contents=True) for frame in part])
            for answer, status in zip(came, statuses[start : start + BATCH], strict=True):
                self.found["taken by the gateware"] += not answer.refused
                self.found["statuses unlike the model's"] += _status(answer) is not status
            self._compare()
            progress.advance(start + len(part), len(forged))

    @property
    def _known(self) -> tuple[Any, ...]:
        """All that survives in the model."""
        model = self.model
        return model.state, model.digest, model.index

    def _compare(self) -> None:
        """Ask what the gateware holds."""
        state, info = self._exchange.contents(), self._exchange.info
        same = (state, info.digest, info.counter, info.updating) == (
            self.model.state,
            self.model.digest,
            self.model.counter,
            self.model.updating,
        )
        self.found["states unlike the model's"] += not same


def _status(answer: Result) -> Status:
    """Why a board has refused a frame of contents."""
    return Status(int(answer.sums[0]))


def foreign_blocks(counter: int) -> list[bytes]:
    """An update of another network on a board that has the same key."""
    network = updatable(fire_network(), 0)
    with keyed_board(network) as board:
        return Contents.of(board, network).blocks(counter, KEY)


def measure(
    board: GeneratedBoard, forgeries: int, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Attack a board behind a complete update, then amid one, which is completed at last.

    Parameters
    ----------
    board : GeneratedBoard
        With :data:`bench.update_talk.KEY`, its network updatable.
    forgeries : int
    progress : Progress

    Returns
    -------
    dict
        How many forgeries there were, why they were refused, and what must not have been.
    """
    rng = random.Random(SEED)
    first, second = (other_contents(board.network, seed) for seed in (1, 2))
    earlier, coming = (
        Contents.of(board, network).blocks(number, KEY)
        for number, network in ((1, first), (2, second))
    )
    half = len(coming) // 2
    foreign = foreign_blocks(3)
    kinds: Counter[str] = Counter()
    progress.begin("forgeries")
    with SimTransport(board.folder) as transport:
        target = Target(board, transport)
        target.take(earlier)
        target.classify(first)
        for done, left in ((0, forgeries // 2), (half, forgeries - forgeries // 2)):
            forger = Forger(rng, earlier, coming[:done], coming[done:], foreign)
            if done:
                target.take(coming[:done])
            chosen = [rng.choice(list(FORGERS)) for _ in range(left)]
            kinds.update(chosen)
            forged = [FORGERS[kind](forger) for kind in chosen]
            target.attack(forged, progress)
            if not done:
                target.classify(first)
        target.take(coming[half:])
        target.classify(second)
    return {
        "forgeries": forgeries,
        **{f"forged: {kind}": kinds[kind] for kind in FORGERS},
        **{f"refused: {name}": count for name, count in sorted(target.statuses.items())},
        **{name: int(count) for name, count in target.found.items()},
    }


def run(limit: int | None, progress: Progress) -> dict[str, Any]:
    """Attack a small network's board.

    Parameters
    ----------
    limit : int or None
        Forgeries at most.
    progress : Progress
    """
    with keyed_board(small_network()) as board:
        return measure(board, min(FORGERIES, limit or FORGERIES), progress=progress)
