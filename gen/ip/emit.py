"""Write an IP core's folder: its Verilog, and what tools, drivers and people need beside it."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from boards.board import TOP, Board
from boards.core import CHIPS
from gen.backend.assemble import Accelerator
from gen.backend.emit import VERSION
from gen.backend.report import plain_text
from gen.backend.rtlil import rtlil_to_vendor_verilog, rtlil_to_verilog, write_rtlil
from gen.backend.synth import Synthesis, synthesise
from gen.common.build_folder import BuildFolder
from gen.common.collection import no_collection
from gen.common.manifest import GENERATOR
from gen.common.progress import SILENT, Progress
from gen.ip import vivado
from gen.ip.ip_xact import CoreFiles, component_xml
from gen.ip.litex import litex_module
from gen.ip.registers import c_header, markdown, system_rdl
from gen.ip.report import core_report
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.nodes.contents import contents_layout
from gen.plan.plan import Plan
from hw.axi.core import NAME, Core, CoreShell
from hw.link.contents import ContentsConfig
from protocol.contents.layout import Layout
from protocol.registers import CoreInfo
from protocol.update_registers import UpdateInfo

VERILOG, SIMULATION = f"{NAME}.v", f"{NAME}_sim.v"
CONSTRAINTS = {"xc7": f"{NAME}_ooc.xdc", "ecp5": f"{NAME}.lpf"}
"""By family."""
MARKDOWN, HEADER, RDL = "registers.md", f"{NAME}.h", f"{NAME}.rdl"
COMPONENT, ZYNQ, LITEX = "component.xml", "vivado_zynq.tcl", "firebrick_litex.py"


@dataclass(frozen=True)
class PlannedCore:
    """A network planned as an IP core.

    Attributes
    ----------
    network : QuantizedNetwork
    plan : Plan
        Of that network.
    target : Board
        That it was planned for, of :func:`boards.core.core_target`.
    key : bytes or None
        Of whoever may replace contents; for targets that are keyed. The hardware holds it.
    """

    network: QuantizedNetwork
    plan: Plan
    target: Board
    key: bytes | None = field(default=None, repr=False)

    @property
    def layout(self) -> Layout | None:
        """Which memories hold what can be replaced; None if nothing can."""
        return contents_layout(self.network, self.plan.nodes) if self.network.updatable else None

    @property
    def info(self) -> CoreInfo:
        """What the core says of itself."""
        network, beat_bits, layout = self.network, self.target.beat_bits, self.layout
        assert beat_bits is not None
        updates = None
        if layout is not None:
            updates = UpdateInfo(layout.digest, len(layout.memories), self.target.keyed)
        return CoreInfo(
            *network.input.shape,
            network.output.shape[2],
            len(network.ops),
            beat_bits,
            self.plan.clock_hz,
            network.digest,
            updates,
        )

    @property
    def hardware(self) -> Core:
        """The core."""
        accelerator, layout, contents = Accelerator(self.network, self.plan), self.layout, None
        if layout is not None:
            checks = [image.check for image in layout.images(self.network.convs)]
            contents = ContentsConfig(checks, self.key)
        shell = CoreShell(self.info, accelerator, self.plan.sums_memory, contents=contents)
        return Core(shell, self.info.beat_bits)

    def write_design(self, path: Path, name: str) -> None:
        """Write the hardware as RTLIL, with the primitives of the chip.

        Parameters
        ----------
        path : Path
        name : str
            Of the module.
        """
        write_rtlil(self.hardware, path, name, CHIPS[self.target.family]())


def emit_core(core: PlannedCore, folder: BuildFolder, *, progress: Progress = SILENT) -> None:
    """Write the core's folder; one that we wrote before is replaced.

    Parameters
    ----------
    core : PlannedCore
    folder : BuildFolder
    progress : Progress
        Told the phases.

    Raises
    ------
    FirebrickError
        If the folder holds something else or cannot be written, or Yosys fails.
    """
    with folder.replaced() as work, no_collection():
        progress.begin("elaborate")
        with tempfile.TemporaryDirectory(prefix="firebrick-") as scratch:
            design = Path(scratch) / f"{NAME}.il"
            core.write_design(design, NAME)
            progress.begin("translate to Verilog")
            rtlil_to_vendor_verilog(design, work.path / VERILOG)
            rtlil_to_verilog(design, work.path / SIMULATION)
        for name, text in core_texts(core).items():
            (work.path / name).write_text(text)
        save_network(core.network, work.network)
        work.plan.write_text(core.plan.to_json())
        if core.layout is not None:
            work.contents.write_text(core.layout.to_json())
        work.report.write_text(
            plain_text(core_report(core.network, core.plan, core.target, core.info))
        )
        work.manifest_path.write_text(_manifest(core, work.names()))


def core_texts(core: PlannedCore) -> dict[str, str]:
    """What describes the core, by names of files."""
    info, family = core.info, core.target.family
    # In comments and strings of four languages, where some characters would end them.
    name = re.sub(r"[^\w .:+-]", "_", core.network.name)
    texts = {
        MARKDOWN: markdown(info, name),
        HEADER: c_header(info, name),
        RDL: system_rdl(info, name),
        LITEX: litex_module(info, name, LITEX, VERILOG, SIMULATION),
    }
    if family == "ecp5":
        return texts | {CONSTRAINTS[family]: vivado.lattice_constraints(info.clock_hz)}
    files = CoreFiles(VERILOG, SIMULATION, CONSTRAINTS[family])
    texts[CONSTRAINTS[family]] = vivado.constraints(info.clock_hz)
    texts[COMPONENT] = component_xml(info, name, files)
    if vivado.suits(info, core.target.part):
        texts[ZYNQ] = vivado.zynq_script(info, core.target.part)
    return texts


def synthesise_core(core: PlannedCore, *, progress: Progress = SILENT) -> Synthesis:
    """What Yosys makes of the core.

    Parameters
    ----------
    core : PlannedCore
    progress : Progress
        Told parts done and in all.

    Raises
    ------
    FirebrickError
        As :func:`gen.backend.synth.synthesise` does.
    """
    with tempfile.TemporaryDirectory(prefix="firebrick-") as scratch:
        folder = BuildFolder(Path(scratch))
        core.write_design(folder.design, TOP)
        return synthesise(folder, core.target.family, core.network, progress=progress)


def _manifest(core: PlannedCore, files: tuple[str, ...]) -> str:
    """What the folder says of itself."""
    entry = {
        "generator": GENERATOR,
        "version": VERSION,
        "network": core.network.name,
        "digest": core.network.digest.hex(),
        "core": NAME,
        "part": core.target.part,
        "beat_bits": core.info.beat_bits,
        "clock_hz": core.plan.clock_hz,
        "frames_per_second": round(core.plan.frames_per_second, 2),
        "files": files,
    }
    updates = core.info.updates
    if updates is not None:
        entry["updates"] = {
            "structure": updates.structure.hex(),
            "memories": updates.memories,
            "keyed": updates.keyed,
        }
    return json.dumps(entry, indent=2) + "\n"
