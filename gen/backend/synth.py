"""Synthesis of an emitted design with Yosys, layer by layer, against the plan's estimates.

Every large layer is synthesised in a Yosys process of its own, and so is what
is left with black boxes in their place. Inside each, modules that belong to different layers keep
their hierarchy, so that cells can be counted by layer; all else is flattened. Put together again,
the parts' netlists tell how fast the clock may be.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from boards import ecp5, seven_series
from boards.board import TOP, Family
from gen.backend.cells import CellCount, count_cells
from gen.backend.names import module_names, owners
from gen.backend.rtlil import run_yosys
from gen.common.build_folder import BuildFolder
from gen.common.progress import SILENT, Progress
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD
from gen.nodes.graph import Graph
from gen.timing.estimate import Estimate, estimate
from gen.timing.netlist import read_netlist

ACCELERATOR = ".shell.accelerator"
"""End of the accelerator's path in the hierarchy."""
MOST_PROCESSES = 4
"""Yosys processes at once, if there are so many processors; each may take a gigabyte."""
SMALL = 500_000
"""Characters of RTLIL below which a module is not worth a process: each takes 4 s to get going."""

SYNTHESIS = {"xc7": seven_series.synthesis, "ecp5": ecp5.synthesis}


@dataclass(frozen=True)
class _Part:
    """What one Yosys process synthesises.

    Attributes
    ----------
    top : str
        Name of the module.
    kept : names of the modules below it whose cells are counted by themselves
    verilog : files of modules that it instantiates beside those
    """

    top: str
    kept: tuple[str, ...]
    verilog: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Synthesis:
    """What Yosys made of a design.

    Attributes
    ----------
    counts : dict of CellCount
        Cells by name of the layer, and :data:`BOARD`.
    timing : Estimate
        Of its clock.
    """

    counts: dict[str, CellCount]
    timing: Estimate


class _Owners:
    """Which layer a module of the design belongs to, by its path in the hierarchy."""

    def __init__(self, network: QuantizedNetwork, modules: Iterable[str]):
        graph = Graph.of(network)
        accelerator = next(name for name in modules if name.endswith(ACCELERATOR))
        inside = {f"{accelerator}.{name}": owner for name, owner in owners(graph).items()}
        self._owner = {TOP: BOARD, **inside}
        self.heads = [f"{accelerator}.{name}" for name in module_names(graph).values()]
        """Modules that are synthesised by themselves if they are large."""

    def owner(self, module: str) -> str:
        """The layer of ``module``: that of the longest part of its path that is known."""
        while module not in self._owner:
            module = module.rpartition(".")[0]
        return self._owner[module]

    def kept(self, module: str) -> bool:
        """Whether ``module`` belongs to another layer than the module around it."""
        parent = module.rpartition(".")[0]
        return not parent or self.owner(parent) != self.owner(module)


def synthesise(
    folder: BuildFolder,
    family: Family,
    network: QuantizedNetwork,
    *,
    progress: Progress = SILENT,
) -> Synthesis:
    """Synthesise the design in an emitted folder.

    Parameters
    ----------
    folder : BuildFolder
    family : str
        Of the FPGA.
    network : QuantizedNetwork
        That the design was made for.
    progress : Progress
        Told parts done and in all.

    Raises
    ------
    FirebrickError
        If Yosys is missing or fails, or makes cells that are not known.
    """
    modules = _modules(folder.design.read_text())
    owners = _Owners(network, modules)
    counts = {name: CellCount() for name in (BOARD, *(op.name for op in network.ops))}
    with tempfile.TemporaryDirectory(prefix="firebrick-synth-") as scratch:
        parts = _split(folder, Path(scratch), modules, owners)
        workers = min(MOST_PROCESSES, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            running = [
                pool.submit(_synthesise_part, path, part, family, frozenset(modules))
                for path, part in parts.items()
            ]
            try:
                for done, future in enumerate(as_completed(running)):
                    for module, count in future.result().items():
                        counts[owners.owner(module)] += count
                    progress.advance(done + 1, len(running))
            finally:
                for future in running:
                    future.cancel()
        netlist = read_netlist([_netlist(path) for path in parts], TOP)
    found = estimate(netlist, family, lambda module, net: owners.owner(module))
    return Synthesis(counts, found)


def _netlist(path: Path) -> Path:
    """Where the netlist of a part is written."""
    return path.with_suffix(".netlist.json")


def _modules(text: str) -> dict[str, int]:
    """Names of the modules in a design, and how many characters of RTLIL each takes."""
    found = list(re.finditer(r"^module \\(\S+)$", text, re.MULTILINE))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match[1]: end - match.start() for match, end in zip(found, ends, strict=True)}


def _split(
    folder: BuildFolder, scratch: Path, modules: dict[str, int], owners: _Owners
) -> dict[Path, _Part]:
    """Write each part's modules to a file of their own; returns the parts, the largest first."""
    groups = {
        head: [name for name in modules if name == head or name.startswith(f"{head}.")]
        for head in owners.heads
    }
    groups = {k: own for k, own in groups.items() if sum(modules[n] for n in own) >= SMALL}
    groups[TOP] = [n for n in modules if not any(n in own for own in groups.values())]
    commands = [f'read_rtlil "{folder.design}"']
    parts = {}
    for number, (head, own) in enumerate(groups.items()):
        path = scratch / f"part{number}.il"
        parts[path] = _Part(head, tuple(name for name in own if owners.kept(name)))
        if head == TOP:  # the last one
            core = (folder.ethernet_core,) if folder.ethernet_core.is_file() else ()
            parts[path] = replace(parts[path], verilog=core)
            commands += ["select -clear", *(f"blackbox {k} {k}.*" for k in groups if k != TOP)]
            commands.append(f'write_rtlil "{path}"')
        else:
            commands += [f"select {head} {head}.*", f'write_rtlil -selected "{path}"']
    run_yosys(*commands)
    largest = sorted(parts, key=lambda path: path.stat().st_size, reverse=True)
    return {path: parts[path] for path in largest}


def _synthesise_part(
    path: Path, part: _Part, family: Family, modules: frozenset[str]
) -> dict[str, CellCount]:
    """Cells of one part, by kept module."""
    statistics = path.with_suffix(".json")
    run_yosys(
        *(f'read_verilog "{verilog}"' for verilog in part.verilog),
        f'read_rtlil "{path}"',
        f"setattr -mod -set keep_hierarchy 1 {' '.join(part.kept)}",
        *SYNTHESIS[family](part.top, pads=False),
        f'tee -q -o "{statistics}" stat -json',
        f'write_json "{_netlist(path)}"',
    )
    found = json.loads(statistics.read_text())["modules"]
    return {
        name.lstrip("\\"): count_cells(
            family,
            {k: n for k, n in entry["num_cells_by_type"].items() if k.lstrip("\\") not in modules},
        )
        for name, entry in found.items()
    }
