"""From a quantised network to a board's folder: plan, emit, synthesise, place and route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from boards import BOARDS
from boards.board import Board
from gen.backend.bitstream import build_bitstream
from gen.backend.emit import emit
from gen.backend.routing import Routing
from gen.backend.synth import Synthesis, synthesise
from gen.backend.synth_report import save
from gen.common.build_folder import BuildFolder
from gen.common.progress import Progress
from gen.ir.network import QuantizedNetwork
from gen.plan.linked import LinkedGoal
from gen.plan.plan import Plan
from gen.report.figures import Figures
from gen.timing.estimate import Estimate


@dataclass(frozen=True)
class Built:
    """What a folder holds.

    Attributes
    ----------
    board : Board
        With what was left open of how it is fed.
    plan : Plan
    synthesis : Synthesis or None
        If it was synthesised to be compared with the plan.
    routing : Routing or None
        If a bitstream was asked for.
    """

    board: Board
    plan: Plan
    synthesis: Synthesis | None = None
    routing: Routing | None = None


@dataclass(frozen=True)
class Builder:
    """Builds a network for a board, at one clock or another.

    Attributes
    ----------
    network : QuantizedNetwork
    linked : LinkedGoal
        For the board; its clock is replaced by the one that is asked for.
    progress : Progress
        Told the phases.
    synth : bool
        Whether to synthesise, and compare.
    bitstream : bool
        Whether to make a bitstream.
    seeds : sequence of int
        Of its placement; others than the first one are for near misses.
    key : bytes or None
        Of whoever may replace contents, if the board is keyed.
    """

    network: QuantizedNetwork
    linked: LinkedGoal
    progress: Progress
    synth: bool = False
    bitstream: bool = False
    seeds: Sequence[int] = (1,)
    key: bytes | None = field(default=None, repr=False)

    @property
    def board(self) -> Board:
        """The board that is built for."""
        return self.linked.goal.board

    def build(self, clock_hz: int, folder: BuildFolder) -> Built:
        """Write a folder for that clock, with all that is wanted.

        Parameters
        ----------
        clock_hz : int
        folder : BuildFolder

        Raises
        ------
        FirebrickError
            If the network does not fit, the folder cannot be written, or a tool fails.
        """
        board, made = self._emit(clock_hz, folder)
        synthesis = routing = None
        if self.synth:
            synthesis = self._synthesise(folder)
            save(folder, board.family, made, synthesis)
        if self.bitstream:
            routing = build_bitstream(folder, board, seeds=self.seeds, progress=self.progress)
        self._draw(board, made, folder)
        return Built(board, made, synthesis, routing)

    def estimated(self, clock_hz: int, folder: BuildFolder) -> Estimate:
        """What clock a design is good for that is made for ``clock_hz``, by its netlist.

        Parameters
        ----------
        clock_hz : int
        folder : BuildFolder
            That it is written to.

        Raises
        ------
        FirebrickError
            As :meth:`build` does.
        """
        self._emit(clock_hz, folder)
        return self._synthesise(folder).timing

    def _emit(self, clock_hz: int, folder: BuildFolder) -> tuple[Board, Plan]:
        self.progress.begin("plan")
        goal, made = self.linked.at(clock_hz).plan(self.network, tuple(BOARDS.values()))
        self.progress.begin("ask what more would bring")
        made = replace(made, headroom=goal.headroom(self.network, made))
        if self.network.updatable:
            self.progress.begin("plan it with fixed contents, to compare")
            made = replace(made, fixed=goal.fixed(self.network))
        emit(self.network, made, goal.board, folder, key=self.key, progress=self.progress)
        return goal.board, made

    def _draw(self, board: Board, made: Plan, folder: BuildFolder) -> None:
        from gen.report.page import write_report  # Matplotlib takes a second to import

        self.progress.begin("draw the report")
        write_report(Figures(self.network, made, board), folder)

    def _synthesise(self, folder: BuildFolder) -> Synthesis:
        self.progress.begin("synthesise")
        return synthesise(folder, self.board.family, self.network, progress=self.progress)
