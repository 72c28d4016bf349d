"""A synthesised design as Verilog that simulates: what is synthesised is what was simulated.

The netlist's cells become what the vendor's models that ship with Yosys say (``cells_sim.v``, the
DSP48E1 among them). They say nothing of what a block RAM does, so that our own model of it stays.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from boards import seven_series
from gen.backend.behaviour import block_ram_models
from gen.backend.rtlil import run_yosys

CELL_MODELS = "+/xilinx/cells_sim.v"
_NO_WARNING = "/* verilator lint_off UNOPTFLAT */\n"
"""Vectors of the DSP48E1's model seem to go round in a circle, as single bits do not."""


def simulated_netlist(read: Sequence[str], top: str, verilog: Path) -> None:
    """Synthesise for the 7-series, and write the netlist with models in the place of its cells.

    Parameters
    ----------
    read : sequence of str
        Yosys commands that read the design.
    top : str
        Name of the module to synthesise.
    verilog : path
        Where the Verilog goes.

    Raises
    ------
    FirebrickError
        If Yosys is missing, or with its own message if it fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        netlist = folder / "netlist.il"
        run_yosys(*read, *seven_series.synthesis(top, pads=False), f'write_rtlil "{netlist}"')
        run_yosys(
            f'read_rtlil "{netlist}"',
            *block_ram_models(netlist.read_text(), folder),
            f"techmap -autoproc -map {CELL_MODELS}",
            f"hierarchy -check -top {top}",
            "proc -nomux -norom",
            "memory_collect",
            "opt_clean",
            f'write_verilog -norename -noattr "{verilog}"',
        )
    verilog.write_text(_NO_WARNING + verilog.read_text())
