"""Components as Verilog, as Yosys writes it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from amaranth.lib.wiring import Component

from gen.backend.rtlil import rtlil_to_verilog, run_yosys, write_rtlil

Wires = tuple[str, str]
"""Names, as patterns, of a module and of wires in it."""
Write = Callable[[Component, Path, str, Sequence[Wires]], None]
"""Writes a component as Verilog: a function of it, the file, the top module's name, and the wires
that must keep their names."""


def write_verilog(component: Component, path: Path, name: str, shown: Sequence[Wires] = ()) -> None:
    """Write a component as Verilog, without wires that are others by another name.

    These would be half of what Verilator reads, and take as much of its time.

    Parameters
    ----------
    component : Component
    path : Path
        The RTLIL stays beside it as ``.il``.
    name : str
        Of its top module.
    shown : sequence of Wires
        What keeps its name all the same, as all ports do.
    """
    intermediate = path.with_suffix(".il")
    write_rtlil(component, intermediate, name)
    kept = [f"setattr -set keep 1 {module}/w:{wires}" for module, wires in shown]
    # What is unused can only be told without processes.
    clean = ["proc_mux", "proc_clean", "opt_clean -purge"]
    rtlil_to_verilog(intermediate, path, also=[*kept, *clean])


def write_with_vendor_cells(
    component: Component, verilog: Path, name: str, shown: Sequence[Wires] = ()
) -> None:
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
