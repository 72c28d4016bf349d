"""Components as Verilog, as Yosys writes it."""

from collections.abc import Callable
from pathlib import Path

from amaranth.lib.wiring import Component

from gen.backend.rtlil import rtlil_to_verilog, run_yosys, write_rtlil

Write = Callable[[Component, Path, str], None]
"""Writes a component as Verilog: a function of it, the file and the top module's name."""


def write_verilog(component: Component, path: Path, name: str) -> None:
    """Write ``component`` to ``path`` as Verilog; the RTLIL stays beside it as ``.il``."""
    intermediate = path.with_suffix(".il")
    write_rtlil(component, intermediate, name)
    rtlil_to_verilog(intermediate, path)


def write_with_vendor_cells(component: Component, verilog: Path, name: str) -> None:
    """Write a component with Yosys' models of the vendor's primitives, and not with ours."""
    design = verilog.with_suffix(".il")
    write_rtlil(component, design, name)
    run_yosys(
        f'read_rtlil "{design}"',
        "read_verilog -defer +/xilinx/cells_sim.v",
        f"hierarchy -check -top {name}",
        "proc -nomux -norom",
        "memory_collect",
        "delete t:$scopeinfo",
        f'write_verilog -norename -noattr "{verilog}"',
    )
