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
_WHOLE = ("DSP48E1", "RAM*", "SRL*")
"""Cells whose models stay modules: they have vectors and memories, the others are flattened."""


def simulated_netlist(read: Sequence[str], top: str, verilog: Path) -> None:
    """Synthesise for the 7-series, and write the netlist with models in the place of its cells.

    Wires are single bits in it, so that simulators need not take apart what was never together.

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
        netlist, luts = folder / "netlist.il", folder / "luts.v"
        luts.write_text(lut_models())
        run_yosys(*read, *seven_series.synthesis(top, pads=False), f'write_rtlil "{netlist}"')
        flattened = " ".join([f"{top}/t:*", *(f"{top}/t:{cell} %d" for cell in _WHOLE)])
        run_yosys(
            f'read_rtlil "{netlist}"',
            f'techmap -map "{luts}"',
            f"techmap -autoproc -map {CELL_MODELS} {flattened}",
            "splitnets",
            "opt_clean -purge",
            *block_ram_models(netlist.read_text(), folder),
            f"read_verilog -overwrite {CELL_MODELS}",
            f"hierarchy -check -top {top}",
            "proc -nomux -norom",
            "memory_collect",
            "opt_clean -purge",
            f'write_verilog -noattr "{verilog}"',
        )
    verilog.write_text(_NO_WARNING + verilog.read_text())


def lut_models() -> str:
    """Verilog for techmap that makes each LUT1 to LUT6 one cell of Yosys' own.

    The vendor's models say the same in up to five multiplexers each, which are most of a netlist.
    """
    return "".join(_lut_model(inputs) for inputs in range(1, 7))


def _lut_model(inputs: int) -> str:
    """The look-up table of so many inputs."""
    names = [f"I{index}" for index in range(inputs)]
    size = 1 << inputs
    return f"""
module LUT{inputs}(output O, input {", ".join(names)});
  parameter [{size - 1}:0] INIT = {size}'d0;
  \\$lut #(.WIDTH({inputs}), .LUT(INIT)) _TECHMAP_REPLACE_ (
    .A({{{", ".join(reversed(names))}}}), .Y(O));
endmodule
"""
