"""What a core amounts to: its layers, its cost with and without AXI, its rate."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from boards.board import Board, Resources
from gen.backend.report import (
    WIDE,
    WIDTH,
    layers_table,
    more_words,
    network_table,
    plain_table,
    some_names,
    totals_table,
    waiting_tables,
)
from gen.backend.synth import Synthesis
from gen.cost.memories import total
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD
from gen.plan.plan import Plan
from gen.report.figures import Figures
from gen.report.rows import TITLES
from protocol.registers import CoreInfo

AROUND = "AXI"
"""What is around the accelerator."""


@dataclass(frozen=True)
class CoreCost:
    """What a core takes.

    Attributes
    ----------
    accelerator : Resources
        Without AXI.
    axi : Resources
        Of what is around it.
    """

    accelerator: Resources
    axi: Resources

    @property
    def whole(self) -> Resources:
        """Of both."""
        return total([self.accelerator, self.axi])

    @staticmethod
    def planned(plan: Plan) -> CoreCost:
        """As a plan has it."""
        layers = [cost.resources for name, cost in plan.costs.items() if name != BOARD]
        return CoreCost(total(layers), plan.costs[BOARD].resources)

    @staticmethod
    def synthesised(synthesis: Synthesis) -> CoreCost:
        """As Yosys counted it."""
        counts = synthesis.counts
        layers = [count.resources for name, count in counts.items() if name != BOARD]
        return CoreCost(total(layers), counts[BOARD].resources)


def core_report(
    network: QuantizedNetwork,
    plan: Plan,
    target: Board,
    info: CoreInfo,
    *,
    width: int = WIDTH,
) -> RenderableType:
    """Layers, totals against the budget, the cost of AXI, and the rate.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Of that network.
    target : Board
        What it was planned for.
    info : CoreInfo
        What the core says of itself.
    width : int
        Columns of what it is printed on.
    """
    figures = Figures(network, plan, target)
    layers = layers_table(figures, resources=width >= WIDE, around=AROUND)
    parts = (
        (f"{network.name} as an IP core on {target.part}", layers),
        *waiting_tables(figures),
        (f"Of the budget on {target.title}", totals_table(figures)),
        ("With and without AXI, planned", cost_table(CoreCost.planned(plan))),
        ("Network", network_table(network)),
        ("Rates", _rates(figures)),
        ("Streams", _streams(info)),
    )
    titled = ((Text(title, "bold"), table) for title, table in parts)
    return Group(*(item for pair in titled for item in pair))


def cost_table(cost: CoreCost) -> Table:
    """A line for the core, for the accelerator in it, and for what AXI takes."""
    table = plain_table()
    table.add_column("")
    for title in TITLES.values():
        table.add_column(title, justify="right")
    rows = {"core": cost.whole, "without AXI": cost.accelerator, AROUND: cost.axi}
    for name, resources in rows.items():
        table.add_row(name, *(f"{getattr(resources, key):g}" for key in TITLES))
    return table


def _pairs(rows: dict[str, str]) -> Table:
    table = plain_table(header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in rows.items():
        table.add_row(Text(name), Text(text))
    return table


def _rates(figures: Figures) -> Table:
    plan = figures.plan
    slowest = [AROUND if name == BOARD else name for name in plan.slowest]
    rate = (
        f"{plan.cycles} cycles a frame at {plan.clock_hz / 1e6:g} MHz: "
        f"{plan.frames_per_second:.1f} frames/s (slowest: {some_names(slowest)})"
    )
    rows = {
        "multipliers": f"{figures.multipliers}, busy {figures.busy:.1%} of the time",
        "core": rate,
    }
    if plan.headroom:
        rows["a tenth more of"] = more_words(figures)
    if figures.who_updates:
        rows["new weights"] = figures.who_updates
    if figures.fixed:
        rows["with fixed ones"] = figures.fixed
    return _pairs(rows)


def _streams(info: CoreInfo) -> Table:
    spare = info.frame_beats * info.beat_bits // 8 - info.frame_bytes
    unused = f", the last one with {spare} of no use" if spare else ""
    frame = (
        f"a frame is {info.frame_beats} beats of {info.beat_bits} bits: {info.frame_bytes} bytes"
    )
    return _pairs(
        {
            "s_axis": frame + unused,
            "m_axis": f"an answer is {info.classes} beats of 32 bits",
            "m_axis_top1": "and one of 64 bits",
            "s_axi": "registers, in registers.md",
        }
    )
