"""What synthesis made of a plan: tables, and a file with all numbers."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from boards.board import Family, Resources
from gen.backend.cells import CellCount
from gen.backend.report import plain_text
from gen.backend.synth import Synthesis
from gen.common.build_folder import BuildFolder
from gen.common.files import replacing
from gen.plan.plan import Plan
from gen.timing.report import timing_report


def save(folder: BuildFolder, family: Family, plan: Plan, made: Synthesis) -> None:
    """Write estimate and synthesis of every layer, and of all together, to a folder.

    As JSON, and as tables behind those of the plan in its report.

    Parameters
    ----------
    folder : BuildFolder
    family : str
        Of the FPGA.
    plan : Plan
        With the estimates.
    made : Synthesis
        Of the same design.

    Raises
    ------
    OSError
        If a file cannot be read or written.
    """
    layers = {
        name: {"planned": asdict(plan.costs[name].resources), "synthesised": asdict(count)}
        for name, count in made.counts.items()
    }
    total = {"planned": asdict(plan.resources), "synthesised": asdict(_total(made.counts))}
    timing = made.timing.to_entry()
    entry = {"family": family, "layers": layers, "total": total, "timing": timing}
    text = json.dumps(entry, indent=2)
    with replacing(folder.synthesis) as file:
        file.write(text.encode())
    tables = plain_text(synthesis_report(plan, made))
    report = folder.report.read_text()
    with replacing(folder.report) as file:
        file.write(f"{report}\n{tables}".encode())


def synthesis_report(plan: Plan, made: Synthesis) -> RenderableType:
    """Cells against estimates, and what clock they are good for.

    Parameters
    ----------
    plan : Plan
    made : Synthesis
        Of that plan.
    """
    title = Text("Synthesised", "bold")
    return Group(title, comparison(plan, made.counts), timing_report(made.timing, plan.clock_hz))


def _total(counts: dict[str, CellCount]) -> CellCount:
    return sum(counts.values(), start=CellCount())


_COLUMNS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "RAMB36"}


def comparison(plan: Plan, counts: dict[str, CellCount]) -> Table:
    """Estimate against synthesis, a layer a row; block RAMs of 18 Kibit are half a RAMB36."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="each resource as estimated, then as synthesised; the last two are part of those",
        caption_justify="left",
    )
    table.add_column("layer", overflow="fold")
    for title in _COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
        table.add_column("Yosys", justify="right", no_wrap=True)
    for title in ("halves", "LUTRAM"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, count in counts.items():
        table.add_row(name, *_cells(plan.costs[name].resources, count))
    total = _total(counts)
    table.add_row("total", *_cells(plan.resources, total), style="bold")
    ratios = _ratios(plan.resources, total.resources)
    table.add_row("estimate / Yosys", *(cell for ratio in ratios for cell in (ratio, "")), "", "")
    return table


def _cells(planned: Resources, count: CellCount) -> list[str]:
    real = count.resources
    pairs = ((getattr(planned, key), getattr(real, key)) for key in _COLUMNS)
    return [f"{n:g}" for pair in pairs for n in pair] + [str(count.bram18), str(count.lutram)]


def _ratios(planned: Resources, real: Resources) -> list[str]:
    pairs = ((getattr(planned, key), getattr(real, key)) for key in _COLUMNS)
    return [f"{estimate / made:.2f}" if made else "-" for estimate, made in pairs]
