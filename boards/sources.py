"""What a board's build scripts read beside ``top.il``."""

from collections.abc import Iterator

from amaranth.build import Platform


def sources(platform: Platform) -> Iterator[str]:
    """Yosys commands that read the design, and Verilog of others that it instantiates."""
    for name in platform.iter_files(".v"):
        yield f"read_verilog {name}"
    yield "read_rtlil top.il"


KEEP_COPIES = "setattr -set keep 1 w:* a:keep %i %ci1:+[Q] t:$*dff* %i"
"""Yosys command that keeps copies of a register apart: of equal registers it leaves one, unless the
cell itself says ``keep``, where a design says so of the wire that the register drives."""
