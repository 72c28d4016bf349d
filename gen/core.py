"""What ``python -m gen core --part NAME`` does: from a network to an IP core's folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from boards.board import Board
from boards.core import DEFAULT_HZ, core_target, share_of
from boards.parts import DEVICES, find_part
from gen.arguments import NetworkOptions
from gen.backend.report import WIDTH
from gen.backend.rtlil import check_yosys
from gen.backend.synth import Synthesis
from gen.backend.synth_report import synthesis_report
from gen.common.build_folder import BUILD, BuildFolder
from gen.common.errors import FirebrickError
from gen.common.progress import phases
from gen.compile import compile_network
from gen.ip.emit import PlannedCore, emit_core, synthesise_core
from gen.ip.report import CoreCost, core_report, cost_table
from gen.plan.planner import Goal
from gen.update_options import Updates, as_asked, room_for
from protocol.registers import BEAT_BITS


@dataclass(frozen=True)
class CoreOptions:
    """The part, and what of it the core may take, as the command line has it.

    Attributes
    ----------
    part : str or None
    budget : str
        As :func:`boards.core.share_of` takes it.
    beat_bits : int
        Width of the stream of pixels.
    clock : float or None
        In MHz.
    fps : float or None
        Frames a second that will do; the most that fits if None.
    utilisation : float
        Part of the LUTs and flip-flops to plan with where the budget does not say.
    out : Path or None
    synth : bool
        Synthesise too.
    updates : Updates or None
        How it takes new contents, if it does.
    """

    part: str | None
    budget: str
    beat_bits: int
    clock: float | None
    fps: float | None
    utilisation: float
    out: Path | None
    synth: bool = False
    updates: Updates | None = None

    def target(self) -> Board:
        """What to plan for.

        Raises
        ------
        FirebrickError
            If there is no such part, or it has not as much as the budget says.
        """
        if self.part is None:
            raise FirebrickError(f"say which part with --part; known are {', '.join(DEVICES)}")
        if self.beat_bits not in BEAT_BITS:
            widths = ", ".join(map(str, BEAT_BITS))
            raise FirebrickError(f"--beat-bits {self.beat_bits}; there are {widths}")
        try:
            part = find_part(self.part)
            resources = share_of(part, self.budget, self.utilisation)
        except ValueError as error:
            raise FirebrickError(str(error)) from None
        return core_target(
            part, resources, self.beat_bits, self._clock_hz(), keyed=self.key is not None
        )

    @property
    def key(self) -> bytes | None:
        """Of whoever may give it new contents."""
        return None if self.updates is None else self.updates.key

    def _clock_hz(self) -> int:
        if self.clock is None:
            return DEFAULT_HZ
        if not isfinite(self.clock) or not 1 <= self.clock <= 1000:
            raise FirebrickError(f"--clock takes 1 to 1000 MHz, not {self.clock:g}")
        return round(self.clock * 1e6)

    def others(self) -> tuple[Board, ...]:
        """Whole parts to suggest where it does not fit."""
        found = map(find_part, DEVICES)
        keyed = self.key is not None
        return tuple(
            core_target(part, share_of(part, "", self.utilisation), self.beat_bits, keyed=keyed)
            for part in found
        )

    @property
    def folder(self) -> BuildFolder:
        """Where to write."""
        return BuildFolder(BUILD / "core" if self.out is None else self.out)


def generate_core(options: NetworkOptions, core: CoreOptions) -> None:
    """Load the network, plan it, write the core's folder and show the report.

    Parameters
    ----------
    options : NetworkOptions
    core : CoreOptions

    Raises
    ------
    FirebrickError
        If the options do not go together, or the network does not fit.
    """
    target, folder, updates = core.target(), core.folder, core.updates
    goal = Goal(target, fps=core.fps, utilisation=1.0)
    check_yosys()
    folder.check_writable(options.files)
    synthesis = None
    request = options.request(room_for(goal, updates))
    with phases() as display:
        network = as_asked(compile_network(request, progress=display), updates)
        display.begin("plan")
        plan = goal.plan(network, core.others())
        display.begin("ask what more would bring")
        plan = replace(plan, headroom=goal.headroom(network, plan))
        if network.updatable:
            display.begin("plan it with fixed contents, to compare")
            plan = replace(plan, fixed=goal.fixed(network))
        made = PlannedCore(network, plan, target, core.key)
        emit_core(made, folder, progress=display)
        if core.synth:
            display.begin("synthesise")
            synthesis = synthesise_core(made, progress=display)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(_report(made, synthesis, console.width))
    console.print(Text(f"\nWrote {folder}; registers.md has its registers."), soft_wrap=True)


def _report(core: PlannedCore, synthesis: Synthesis | None, width: int) -> RenderableType:
    """What the folder's report says, and what Yosys counted if it was asked."""
    parts = [core_report(core.network, core.plan, core.target, core.info, width=width)]
    if synthesis is not None:
        parts += [
            Text("With and without AXI, as Yosys counts", "bold"),
            cost_table(CoreCost.synthesised(synthesis)),
            synthesis_report(core.plan, synthesis),
        ]
    return Group(*parts)
