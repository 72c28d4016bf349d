"""Build files for AMD 7-series boards: what Vivado and the open tools need beside the design."""

from amaranth.back import rtlil
from amaranth.build.run import BuildPlan
from amaranth.hdl import Instance, Module, ResetSignal, Signal, Value
from amaranth.hdl._ir import Design
from amaranth.vendor import XilinxPlatform

from boards.board import TOP, BuildStep
from boards.mmcm import find_mmcm, mmcm
from boards.sources import KEEP_COPIES, sources
from hw.stream.ramb import Ramb

_VIVADO = """\
# Bitstream with Vivado: vivado -mode batch -source build_vivado.tcl
# Result: top.bit and top.bin, reports in *.rpt.
set_part {part}
read_verilog {{{verilog}}}
read_xdc top.xdc
synth_design -top top -part {part}

# Paths into synchronisers from outside the clock domain.
foreach cell [get_cells -quiet -hier -filter {{amaranth.vivado.false_path == "TRUE"}}] {{
    set_false_path -to $cell
}}
foreach pin [get_pins -quiet -of \\
        [get_cells -quiet -hier -filter {{amaranth.vivado.false_path_pre == "TRUE"}}] \\
        -filter {{REF_PIN_NAME == PRE}}] {{
    set_false_path -to $pin
}}
report_utilization -hierarchical -file utilization_synth.rpt

opt_design
place_design
phys_opt_design
route_design
phys_opt_design

report_utilization -hierarchical -file utilization.rpt
report_timing_summary -max_paths 10 -file timing.rpt
report_drc -file drc.rpt
report_power -file power.rpt
write_checkpoint -force top.dcp

if {{[get_property SLACK [get_timing_paths -delay_type max]] < 0}} {{
    puts "WARNING: setup times are not met, see timing.rpt; a lower --clock will do"
}}
if {{[get_property SLACK [get_timing_paths -delay_type min]] < 0}} {{
    puts "WARNING: hold times are not met, see timing.rpt; the bitstream is not fit for use"
}}
set_property CFGBVS VCCO [current_design]
set_property CONFIG_VOLTAGE 3.3 [current_design]
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
write_bitstream -force -bin_file top.bit
"""

_OPEN = """\
#!/bin/sh
# Bitstream with Yosys, nextpnr-xilinx and Project X-Ray:
#   sh build_open.sh CHIPDB PRJXRAY_DB
# CHIPDB is nextpnr-xilinx's chip database for {part} (a .bin file), PRJXRAY_DB the folder with
# the Project X-Ray databases. Result: top.bit.
set -eu
if [ "$#" -ne 2 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
chipdb=$1
database=$2/{family}

yosys -l yosys.log -p '
    {sources}
    {synthesis}
    write_json top.json
'
nextpnr-xilinx --chipdb "$chipdb" --xdc top.xdc --json top.json --fasm top.fasm
fasm2frames --part {part} --db-root "$database" top.fasm > top.frames
xc7frames2bit --part_file "$database/{part}/part.yaml" --part_name {part} \\
    --frm_file top.frames --output_file top.bit
"""


def synthesis(top: str = TOP, *, pads: bool = True) -> tuple[str, ...]:
    """Yosys commands from RTLIL to 7-series cells.

    What ``synth_xilinx`` does, but with ``abc`` in place of ``abc9``, which in Yosys 0.70 stops
    with a failed assertion on these designs (``count_id(wire->name) == 0``).

    Parameters
    ----------
    top : str
        Name of the module to synthesise.
    pads : bool
        ``top`` is the whole chip; otherwise a part of it, without pads and clock buffers.
    """
    whole = "" if pads else " -noiopad -noclkbuf"
    synth = f"synth_xilinx -flatten -arch xc7 -top {top}{whole}"
    return (
        KEEP_COPIES,
        f"{synth} -run begin:map_luts",
        "opt_expr -mux_undef -noclkinv",
        "abc -luts 2:2,3,6:5,10,20",
        "clean",
        "xilinx_srl -fixed -minlen 3",
        "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
        "xilinx_dffopt",
        "opt_lut_ins -tech xilinx",
        f"{synth} -run finalize:",
        "delete t:$scopeinfo",
    )


_FAMILIES = {"xc7a": "artix7", "xc7k": "kintex7"}


class SevenSeriesPlatform(XilinxPlatform):
    """Derive a board's platform from this first to get our build files in place of its own.

    ``prepare(top)`` returns a plan with ``top.il``, ``top.xdc``, ``build_vivado.tcl`` and
    ``build_open.sh``; the Verilog that Vivado reads is made from ``top.il``.
    """

    block_ram = Ramb
    build_steps = (
        BuildStep("vivado -mode batch -source build_vivado.tcl", "build the bitstream"),
        BuildStep("sh build_open.sh CHIPDB PRJXRAY_DB", "the same with open tools"),
    )

    @property
    def part(self) -> str:
        """Device, package and speed grade, as the tools spell it."""
        return f"{self.device}{self.package}-{self.speed}"

    def check_clock(self, clock_hz: int) -> None:
        """Check that the clock can be made; raises ``ValueError`` with the reason."""
        find_mmcm(int(self.default_clk_frequency), clock_hz)

    def make_clock(self, m: Module, source: Value, clock_hz: int) -> tuple[Signal, Signal]:
        """Add an MMCM to ``m`` that makes a clock of the oscillator's.

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
        oscillator_hz = int(self.default_clk_frequency)
        clock, locked = Signal(), Signal()
        settings = find_mmcm(oscillator_hz, clock_hz)
        m.submodules.mmcm = mmcm(settings, oscillator_hz, source, clock, locked)
        return clock, locked

    def align_inputs(self, m: Module, reference: Value) -> None:
        """Calibrate the delays of inputs by a clock of 200 MHz, again behind every reset."""
        clock = Signal()
        m.submodules.delay_clock = part = Module()
        self.distribute_clock(part, reference, clock)
        m.submodules.delay_control = Instance("IDELAYCTRL", i_REFCLK=clock, i_RST=ResetSignal())

    def distribute_clock(self, m: Module, source: Value, clock: Value) -> None:
        """Drive a domain's ``clock`` over the global network.

        Parameters
        ----------
        m : Module
            Gets a BUFG, whose name is always the same: one a module.
        source : Value
            What drives it.
        clock : Value
        """
        m.submodules.clock_buffer = Instance("BUFG", i_I=source, o_O=clock)

    def hold_pins(self, m: Module) -> None:
        """Nothing: no pin that the design leaves alone disturbs the board."""

    def toolchain_prepare(self, fragment: Design, name: str, **kwargs: object) -> BuildPlan:
        """Write the design and what goes with it."""
        text, _ = rtlil.convert_fragment(
            fragment, name=name, emit_src=False, propagate_domains=False
        )
        plan = BuildPlan(script="build_open")
        plan.add_file("top.il", text)
        plan.add_file("top.xdc", self._constraints())
        verilog = " ".join(["top.v", *self.iter_files(".v")])
        plan.add_file("build_vivado.tcl", _VIVADO.format(part=self.part, verilog=verilog))
        script = _OPEN.format(
            part=self.part,
            family=_FAMILIES[self.device[:4]],
            sources="\n    ".join(sources(self)),
            synthesis="\n    ".join(synthesis()),
        )
        plan.add_file("build_open.sh", script)
        for extra, content in self.extra_files.items():
            plan.add_file(extra, content)
        return plan

    def _constraints(self) -> str:
        lines = []
        for port, pin, attributes in self.iter_port_constraints_bits():
            lines.append(f"set_property LOC {pin} [get_ports {{{port}}}]")
            lines += [
                f"set_property {name} {value} [get_ports {{{port}}}]"
                for name, value in attributes.items()
            ]
        clocks = {port.name: hz for port, hz in self.iter_port_clock_constraints()}
        for name, hz in clocks.items():
            lines.append(f"create_clock -name {name} -period {1e9 / hz:g} [get_ports {{{name}}}]")
        if len(clocks) > 1:
            groups = [f"-group [get_clocks -include_generated_clocks {name}]" for name in clocks]
            lines.append(f"set_clock_groups -asynchronous {' '.join(groups)}")
        return "\n".join(lines) + "\n"
