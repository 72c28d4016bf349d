"""Components as Verilog, as Yosys writes it."""

from pathlib import Path

from amaranth.lib.wiring import Component

from gen.backend.rtlil import rtlil_to_verilog, write_rtlil


def write_verilog(component: Component, path: Path, name: str) -> None:
    """Write ``component`` to ``path`` as Verilog; the RTLIL stays beside it as ``.il``."""
    intermediate = path.with_suffix(".il")
    write_rtlil(component, intermediate, name)
    rtlil_to_verilog(intermediate, path)
