"""The options of ``python -m gen core``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boards.parts import DEVICES
from gen import arguments
from gen.arguments import NetworkOptions
from gen.core import CoreOptions, generate_core
from gen.plan.planner import UTILISATION, check_constraints
from gen.update_options import UpdateOptions

HELP = f"""
Make an IP core of a network: for a part, or a share of it, without a board.

Pixels come on AXI4-Stream, class sums leave on another one, registers are on AXI4-Lite.

\b
[bold]Parts[/bold], with or without package and speed grade
{", ".join(DEVICES)}

\b
[bold]Examples[/bold]
python -m gen core --part xc7z020clg400-1
python -m gen core --part xc7a100tcsg324-1 --budget lut=0.5,dsp=100,bram=60 --fps 200
python -m gen core --part LFE5U-45F --beat-bits 8 --clock 80 --out build/ip
python -m gen core --part xc7z020clg400-1 --updatable --update-key core.key

\b
[bold]What comes out[/bold], in build/core unless --out says otherwise
[bold]firebrick_core.v[/bold]: the core, one file, with the contents of its memories
[bold]firebrick_core_sim.v[/bold]: the same without primitives of the FPGA, for simulators
[bold]registers.md, firebrick_core.h, firebrick_core.rdl[/bold]: its registers
[bold]component.xml, vivado_zynq.tcl[/bold]: for Vivado
[bold]firebrick_litex.py[/bold]: for LiteX
[bold]network.npz, plan.json, report.txt[/bold]: integers, folding, the tables shown
[bold]contents.json[/bold]: with --updatable, which memories hold what
"""

Part = Annotated[
    str | None, typer.Option(metavar="NAME", help="The FPGA, such as xc7z020clg400-1.")
]
Budget = Annotated[
    str,
    typer.Option(
        metavar="KEY=VALUE,...",
        help="What of it the core may take: lut, ff, dsp, bram (36 Kbit each), as numbers, or as "
        "parts of the device where a value has a point and is at most 1: lut=0.6,dsp=200. All DSP "
        "blocks and block RAMs, if not given.",
    ),
]
BeatBits = Annotated[
    int, typer.Option(metavar="8|24|32", help="Bits that a beat of the pixels' stream carries.")
]
Clock = Annotated[float | None, typer.Option(metavar="MHZ", help="Clock; 100 if not given.")]
Fps = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Frames a second that will do: plans the smallest core that reaches them. The fastest "
        "that fits, if not given.",
    ),
]
Utilisation = Annotated[
    float,
    typer.Option(
        metavar="PART",
        help="Part of the device's LUTs and flip-flops that may be planned with, where --budget "
        "does not say.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Output folder; build/core if not given.")
]


def core(
    *,
    part: Part = None,
    budget: Budget = "",
    beat_bits: BeatBits = 32,
    clock: Clock = None,
    fps: Fps = None,
    utilisation: Utilisation = UTILISATION,
    updates: UpdateOptions,
    network: NetworkOptions,
    synth: arguments.Synth = False,
    out: Out = None,
) -> None:
    """Do what plain options ask for; the help text is ``HELP``."""
    check_constraints(fps, utilisation)
    generate_core(
        network,
        CoreOptions(part, budget, beat_bits, clock, fps, utilisation, out, synth, updates.chosen()),
    )
