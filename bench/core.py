"""IP cores: the default on many parts, cycles through AXI, planned and simulated, and its cost."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from rich.console import Console
from rich.table import Table

from boards.board import Resources
from boards.core import core_target, share_of
from boards.parts import find_part
from gen.backend.assemble import Accelerator
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.formats.default import default_network
from gen.ip.emit import SIMULATION, PlannedCore, emit_core, synthesise_core
from gen.ip.report import CoreCost
from gen.ir.network import QuantizedNetwork
from gen.plan.planner import UTILISATION, Goal
from gen.report.rows import TITLES
from protocol.registers import BEAT_BITS
from sim import golden
from tests.harness import StreamBench
from tests.hw.axi.cores import CoreBench, beats
from tests.networks import random_frames, tiny_network, updatable

PARTS = (
    "xc7a35t",
    "xc7a100t",
    "xc7a200t",
    "xc7s50",
    "xc7s100",
    "xc7k70t",
    "xc7k160t",
    "xc7k325t",
    "xc7z010",
    "xc7z020",
    "xc7z030",
    "LFE5U-45F",
    "LFE5U-85F",
)
SMALL_PART, FRAMES, MARGIN = "xc7z020", 4, 1
"""For what is simulated and synthesised; bits of room for other weights."""
KEYS = {"updatable, open": None, "updatable, keyed": bytes(16)}
"""Of cores whose weights may be replaced."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Plan, simulate and synthesise cores; print tables of them.

    Parameters
    ----------
    console : Console
    shared : path
        Not looked at: the networks are the default and a tiny one.
    limit : int or None
        Frames to simulate.

    Raises
    ------
    FirebrickError
        If Yosys fails.
    """
    with console.status("plan"):
        parts = {part: planned(default_network(), part) for part in PARTS}
    console.print(_parts_table(parts))
    small: dict[str, Any] = {}
    for bits in BEAT_BITS:
        with console.status(f"simulate and synthesise, {bits} bits a beat"):
            small[f"{bits} bits"] = measured(tiny_network(1), bits, limit or FRAMES)
    for title, key in KEYS.items():
        with console.status(f"simulate and synthesise, {title}"):
            network = updatable(tiny_network(1), MARGIN)
            small[title] = measured(network, BEAT_BITS[-1], limit or FRAMES, key)
    console.print(_small_table(small))
    return {"parts": parts, "small": small}


def core_of(
    network: QuantizedNetwork, name: str, beat_bits: int, key: bytes | None = None
) -> PlannedCore:
    """The fastest core of a network on a part.

    Parameters
    ----------
    network : QuantizedNetwork
    name : str
        Of the part.
    beat_bits : int
    key : bytes or None
        Of whoever may replace its weights.

    Raises
    ------
    FirebrickError
        If none fits.
    """
    part = find_part(name)
    share = share_of(part, "", UTILISATION)
    target = core_target(part, share, beat_bits, keyed=key is not None)
    return PlannedCore(network, Goal(target, utilisation=1.0).plan(network), target, key)


def planned(network: QuantizedNetwork, part: str) -> dict[str, Any]:
    """What a core of a network takes of a part, and how fast it is; or why there is none."""
    try:
        core = core_of(network, part, 32)
    except FirebrickError as error:
        return {"refused": str(error)}
    return {
        "cycles": core.plan.cycles,
        "frames_per_second": core.plan.frames_per_second,
        "used": asdict(core.plan.resources),
        "budget": asdict(core.target.resources),
    }


def measured(
    network: QuantizedNetwork, beat_bits: int, count: int, key: bytes | None = None
) -> dict[str, Any]:
    """Cycles a frame of a core's Verilog and of its accelerator alone, and what Yosys makes of it.

    Parameters
    ----------
    network : QuantizedNetwork
    beat_bits : int
    count : int
        Frames to simulate, two or more.
    key : bytes or None
        Of whoever may replace its weights.

    Raises
    ------
    FirebrickError
        If Yosys fails.
    AssertionError
        If a class sum is not the golden model's.
    """
    core = core_of(network, SMALL_PART, beat_bits, key)
    frames = random_frames(network, count)
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        folder = BuildFolder(Path(work) / "core")
        emit_core(core, folder)
        verilog = (folder.path / SIMULATION).read_text()
        bench = CoreBench.of_verilog(network, beat_bits, verilog, Path(work), Path(work))
        sent = [beat for frame in frames for beat in beats(frame.tobytes(), beat_bits)]
        sums, _ = bench.answers(frames)
        outcome = bench.run(beat_bits, [["send", sent], ["receive", "m_axis", len(sums)]])
    if outcome.sums != sums:
        raise AssertionError(f"{beat_bits} bits a beat: class sums are not the golden model's")
    cost = CoreCost.synthesised(synthesise_core(core))
    return {
        "cycles": {
            "planned": core.plan.cycles,
            "without AXI": _alone(core, frames),
            "simulated": outcome.ends[-1] - outcome.ends[-2],
        },
        "axi": {
            "planned": asdict(CoreCost.planned(core.plan).axi),
            "yosys": asdict(cost.axi),
        },
        "core": asdict(cost.whole),
    }


class _Alone(wiring.Component):
    """An accelerator with its streams only: nobody writes its memories."""

    def __init__(self, core: PlannedCore):
        self._accelerator = Accelerator(core.network, core.plan)
        members = self._accelerator.signature.members
        super().__init__({name: members[name] for name in ("i", "o")})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.accelerator = accelerator = self._accelerator
        wiring.connect(m, wiring.flipped(self.i), accelerator.i)
        wiring.connect(m, accelerator.o, wiring.flipped(self.o))
        return m


def _alone(core: PlannedCore, frames: np.ndarray) -> int:
    """Cycles a frame of the accelerator, where pixels come as it takes them."""
    sums = golden.run(core.network, frames)[core.network.ops[-1].name]
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        bench = StreamBench(_Alone(core), "accelerator", Path(work))
        return bench.run({"i": frames}, {"o": sums}).period("o")


def _numbers(entry: dict[str, float], names: Sequence[str] = tuple(TITLES)) -> list[str]:
    return [f"{entry[name]:g}" for name in names]


def _parts_table(parts: dict[str, Any]) -> Table:
    table = Table(title="The default network as an IP core, at 100 MHz", title_justify="left")
    for name in ("part", "cycles a frame", "frames/s", *TITLES.values()):
        table.add_column(name, justify="left" if name == "part" else "right")
    for part, found in parts.items():
        if "refused" in found:
            table.add_row(part, "does not fit")
            continue
        used = Resources(**found["used"])
        table.add_row(
            part,
            str(found["cycles"]),
            f"{found['frames_per_second']:.0f}",
            *_numbers(asdict(used)),
        )
    return table


def _small_table(small: dict[str, Any]) -> Table:
    table = Table(title="A tiny network, through AXI", title_justify="left")
    heads = ("a beat", "cycles planned", "without AXI", "simulated", "AXI LUT planned", "Yosys")
    for name in (*heads, "AXI FF planned", "Yosys", "core LUT", "core FF"):
        table.add_column(name, justify="right")
    for title, found in small.items():
        axi, cycles = found["axi"], found["cycles"]
        row = [cycles["planned"], cycles["without AXI"], cycles["simulated"]]
        row += [axi[who][kind] for kind in ("lut", "ff") for who in ("planned", "yosys")]
        table.add_row(title, *map(str, row), *_numbers(found["core"], ("lut", "ff")))
    return table
