"""An update of a simulated board's contents: frames before it, amid it, and behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from gen.ir.envelope import in_envelope
from gen.ir.network import QuantizedNetwork
from gen.nodes.contents import contents_layout
from protocol.contents.blocks import Status
from protocol.contents.image import check_of_all
from protocol.contents.layout import differing
from protocol.contents.writer import BlockWriter, in_frames
from sim import golden
from sim.frames import Answer, GeneratedBoard, Sent, Talk
from sim.simulator import Simulator

FRAME_BYTES = 4096
"""Of contents."""
_FIRST = 1
"""Counter of the first update of a board that has just been configured."""


@dataclass(frozen=True, eq=False)
class Update:
    """A network that a board gets in the place of the one that it was generated with.

    Attributes
    ----------
    board : GeneratedBoard
    network : QuantizedNetwork
        As the board holds it.
    halves : tuple of list of bytes
        Frames of contents that bring it: the first ones begin it, the others complete it.
    memories : int
        Memories that are written.
    """

    board: GeneratedBoard
    network: QuantizedNetwork
    halves: tuple[list[bytes], list[bytes]]
    memories: int

    @staticmethod
    def of(board: GeneratedBoard, network: QuantizedNetwork, key: bytes | None) -> Update:
        """What brings a network to a board.

        Parameters
        ----------
        board : GeneratedBoard
        network : QuantizedNetwork
        key : bytes or None
            The board's.

        Raises
        ------
        FirebrickError
            If the board cannot be updated, or the network does not fit.
        """
        made = in_envelope(board.network, network)
        layout = contents_layout(board.network, board.plan.nodes)
        held, images = (layout.images(net.convs) for net in (board.network, made))
        numbers = differing(images, [image.check for image in held])
        writer = BlockWriter(_FIRST, key)
        blocks = [writer.begin(layout.digest)]
        for number in numbers:
            blocks += writer.rows(number, images[number])
        check = check_of_all([image.check for image in images])
        blocks.append(writer.commit(check, made.digest))
        half = len(blocks) // 2
        first, second = (
            list(in_frames(part, FRAME_BYTES)) for part in (blocks[:half], blocks[half:])
        )
        return Update(board, made, (first, second), len(numbers))

    @property
    def sent_bytes(self) -> int:
        """Bytes of all frames of contents."""
        return sum(len(frame) for half in self.halves for frame in half)


@dataclass(frozen=True, eq=False)
class Phase:
    """Frames at one time of an update.

    Attributes
    ----------
    name : str
        ``before``, ``amid`` or ``after``.
    sums : int32 array (N, classes)
    refused : int
        How many of them mean nothing, as the board says.
    wrong : int
        How many of the others differ from the golden model of what the board holds.
    """

    name: str
    sums: np.ndarray
    refused: int
    wrong: int


@dataclass(frozen=True, eq=False)
class UpdateResult:
    """What came of an update.

    Attributes
    ----------
    phases : tuple of Phase
    cycles : int
        From the last answer before it to the answer to its last frame, frames amid it included.
    """

    phases: tuple[Phase, ...]
    cycles: int

    @property
    def right(self) -> bool:
        """Whether all frames before and after it were answered as the golden model has it.

        And none amid it.
        """
        before, amid, after = self.phases
        answered = before.refused + after.refused == 0 and amid.refused == len(amid.sums)
        return answered and before.wrong + after.wrong == 0


def run_update(
    simulator: Simulator, update: Update, frames: np.ndarray, *, progress: Progress = SILENT
) -> UpdateResult:
    """Send frames, half of an update, frames, the other half, and frames again, without a gap.

    Parameters
    ----------
    simulator : Simulator
        Of the board's shell and accelerator, as it was configured.
    update : Update
    frames : uint8 array (N, height, width, channels)
    progress : Progress
        Told frames.

    Raises
    ------
    FirebrickError
        If the design stalls, or refuses the update.
    """
    pixels = [Sent.of(frame) for frame in frames]
    begins, ends = ([Sent(data, contents=True) for data in half] for half in update.halves)
    parts = [pixels, begins, pixels, ends, pixels]
    sent = [frame for part in parts for frame in part]
    answers = iter(list(Talk(simulator, None).answers(sent, len(sent), progress=progress)))
    before, first, amid, second, after = ([next(answers) for _ in part] for part in parts)
    _check(first + second)
    phases = (
        _phase("before", update.board.network, frames, before),
        _phase("amid", update.network, frames, amid),
        _phase("after", update.network, frames, after),
    )
    return UpdateResult(phases, second[-1].cycle - before[-1].cycle)


def _check(answers: Sequence[Answer]) -> None:
    """Check that the board has taken frames of contents."""
    for answer in answers:
        if answer.result.refused:
            status = Status(int(answer.result.sums[0]))
            why = "give the key that it was generated with by --key"
            advice = why if status is Status.TAG else "generate the build folder again"
            raise FirebrickError(
                f"the simulated board refuses the update ({status.name}); {advice}"
            )


def _phase(
    name: str, network: QuantizedNetwork, frames: np.ndarray, answers: Sequence[Answer]
) -> Phase:
    """Frames and what came of them."""
    expected = golden.class_sums(network, frames)
    sums = np.stack([answer.result.sums for answer in answers])
    refused = np.array([answer.result.refused for answer in answers])
    differ = (sums != expected).any(axis=1) & ~refused
    return Phase(name, sums, int(refused.sum()), int(differ.sum()))
