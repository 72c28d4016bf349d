"""What a board's build scripts read beside ``top.il``."""

from collections.abc import Iterator

from amaranth.build import Platform


def sources(platform: Platform) -> Iterator[str]:
    """Yosys commands that read the design, and Verilog of others that it instantiates."""
    for name in platform.iter_files(".v"):
        yield f"read_verilog {name}"
    yield "read_rtlil top.il"
