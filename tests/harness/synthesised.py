"""What Yosys makes of a component for the 7-series, and how fast that may be."""

from collections import Counter
from pathlib import Path

from amaranth.lib.wiring import Component

from boards.seven_series import synthesis
from gen.backend.cells import CellCount, count_cells
from gen.backend.rtlil import run_yosys, write_rtlil
from gen.timing.estimate import Estimate, estimate
from gen.timing.netlist import read_netlist


def synthesise(component: Component, folder: Path) -> tuple[CellCount, Estimate]:
    """Cells of a component by itself, and its clock if all around it were registers."""
    design, netlist = folder / "unit.il", folder / "unit.json"
    write_rtlil(component, design, "unit")
    run_yosys(f'read_rtlil "{design}"', *synthesis("unit", pads=False), f'write_json "{netlist}"')
    read = read_netlist([netlist], "unit")
    return count_cells("xc7", Counter(cell.kind for cell in read.cells)), estimate(read, "xc7")
