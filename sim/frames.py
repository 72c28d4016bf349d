"""Whole frames through the emitted design: what a generated board answers, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from gen.plan.plan import Plan
from protocol.coding.encode import encode
from protocol.coding.rules import Steps
from protocol.framing import Deframer, frame
from protocol.messages import ProtocolError, Result
from protocol.session import Session
from sim.simulator import IDLE_LIMIT, Simulator

SLICE = 500
"""Cycles between two looks at what the board has room for: much less than it takes to empty it."""


@dataclass(frozen=True)
class GeneratedBoard:
    """What ``python -m gen`` wrote for a board.

    Attributes
    ----------
    folder : BuildFolder
    network : QuantizedNetwork
    plan : Plan
    """

    folder: BuildFolder
    network: QuantizedNetwork
    plan: Plan

    @staticmethod
    def load(folder: BuildFolder) -> GeneratedBoard:
        """Read the folder.

        Raises
        ------
        FirebrickError
            If it is not there, not one of ours, or not complete.
        """
        folder.require(folder.sim_verilog, folder.network, folder.plan)
        try:
            plan = Plan.from_json(folder.plan.read_text())
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise FirebrickError(f"{folder.plan}: damaged ({error!r}); {folder.remedy}") from None
        return GeneratedBoard(folder, load_network(folder.network), plan)


@dataclass(frozen=True, eq=False)
class SimulatedFrames:
    """Frames sent back to back, and what came of them.

    Attributes
    ----------
    sums : int32 array (N, classes)
    cycles : int array (N,)
        As the shell counts them: first pixel byte in to last class sum out.
    finished : int array (N,)
        Clock cycle, counted from the first byte offered, in which each result's last byte left.
    seconds : float
        That the simulation took.
    """

    sums: np.ndarray
    cycles: np.ndarray
    finished: np.ndarray
    seconds: float

    @property
    def latency(self) -> int:
        """Cycles of the first frame, which had the design to itself when it came in."""
        return int(self.cycles[0])

    @property
    def intervals(self) -> np.ndarray:
        """Cycles between the ends of results that follow each other."""
        return np.diff(self.finished)

    @property
    def steady_cycles(self) -> int | None:
        """Cycles a frame when frames follow each other without a gap; needs two frames."""
        return int(self.intervals[-1]) if len(self.finished) > 1 else None

    @property
    def frames_per_second(self) -> float:
        """Of the simulation."""
        return len(self.sums) / self.seconds


def simulate(
    simulator: Simulator,
    network: QuantizedNetwork,
    frames: np.ndarray,
    *,
    steps: Steps | None = None,
    progress: Progress = SILENT,
) -> SimulatedFrames:
    """Send frames back to back, and wait for all results.

    Parameters
    ----------
    simulator : Simulator
        Of the board's shell and accelerator.
    network : QuantizedNetwork
        That the board was generated from.
    frames : uint8 array (N, height, width, channels)
    steps : Steps or None
        That they are coded with; they go raw if None.
    progress : Progress
        Told frames whose results are complete, and frames in all.

    Raises
    ------
    FirebrickError
        If the design stalls, or does not hold that network.
    """
    start, clock = time.monotonic(), simulator.cycles
    sent = (Sent.of(pixels, steps) for pixels in frames)
    talk = Talk(simulator, network.digest)
    answers = list(talk.answers(sent, len(frames), progress=progress))
    seconds = time.monotonic() - start
    sums = np.stack([answer.result.sums for answer in answers])
    cycles = np.array([answer.result.cycles for answer in answers], dtype=np.int64)
    finished = np.array([answer.cycle - clock for answer in answers], dtype=np.int64)
    return SimulatedFrames(sums, cycles, finished, seconds)


@dataclass(frozen=True)
class Sent:
    """What is sent as a frame.

    Attributes
    ----------
    data : bytes
        Pixels, codes or contents.
    coded, contents : bool
        Which of these.
    """

    data: bytes
    coded: bool = False
    contents: bool = False

    @staticmethod
    def of(pixels: np.ndarray, steps: Steps | None = None) -> Sent:
        """A frame, coded if there are steps.

        Parameters
        ----------
        pixels : uint8 array (height, width, channels)
        steps : Steps, optional
        """
        data = pixels.tobytes() if steps is None else encode(pixels, steps)
        return Sent(data, coded=steps is not None)


@dataclass(frozen=True, eq=False)
class Answer:
    """A result, and the clock cycle in which its last byte left."""

    result: Result
    cycle: int


class Talk:
    """A host's talk with a simulated shell, over a byte stream that loses nothing.

    Parameters
    ----------
    simulator : Simulator
        Of the board's shell and accelerator.
    digest : bytes or None
        Of the network that the board must hold; any if None.
    """

    def __init__(self, simulator: Simulator, digest: bytes | None):
        self._simulator = simulator
        self._session, self._deframer = Session(digest, 0), Deframer()
        self._waiting = b""

    def answers(
        self, sent: Iterable[Sent], count: int, *, progress: Progress = SILENT
    ) -> Iterator[Answer]:
        """Send frames back to back, and give what comes of them, in order.

        Parameters
        ----------
        sent : iterable of Sent
        count : int
            How many they are.
        progress : Progress
            Told frames whose results are complete, and frames in all.

        Raises
        ------
        FirebrickError
            If the design stalls, or does not hold the network.
        """
        frames, done, quiet = iter(sent), 0, 0
        session, submitted = self._session, 0
        while done < count:
            while session.may_submit and submitted < count:
                item = next(frames)
                session.submit(item.data, coded=item.coded, contents=item.contents)
                submitted += 1
            self._waiting += b"".join(frame(packet) for packet in session.packets())
            moved = self._simulator.advance(self._waiting, SLICE)
            self._waiting = self._waiting[moved.taken :]
            quiet = 0 if moved.taken or moved.data else quiet + SLICE
            if quiet >= IDLE_LIMIT:
                raise FirebrickError(_stalled(session, self._simulator.cycles))
            for byte, stamp in zip(moved.data, moved.stamps, strict=True):
                _receive(session, self._deframer.feed(bytes([byte])))
                while session.results:
                    done += 1
                    yield Answer(session.results.popleft()[1], int(stamp))
            progress.advance(done, count)


def _receive(session: Session, packets: list[bytes]) -> None:
    try:
        for packet in packets:
            session.receive(packet)
    except ProtocolError as error:
        raise FirebrickError(
            f"the simulated board: {error}; generate the build folder again"
        ) from None
    if session.damaged:
        raise FirebrickError("the simulated board sent a damaged packet; generate it again")


def _stalled(session: Session, cycle: int) -> str:
    return (
        f"the simulated design stalled: {session.unanswered} frames wait for their results, of "
        f"which {session.unaccepted} packets of pixels have not been taken; nothing moved for "
        f"{IDLE_LIMIT} cycles (now at cycle {cycle}); record waves to see where"
    )
