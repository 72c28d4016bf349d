"""Build files for AMD 7-series boards: what Vivado and the open tools need beside the design."""

from collections.abc import Iterable, Mapping

from amaranth.back import rtlil
from amaranth.build.run import BuildPlan
from amaranth.hdl import Instance, IOPort, Module, ResetSignal, Signal, Value
from amaranth.hdl._ir import Design
from amaranth.vendor import XilinxPlatform

from boards import nextpnr_xilinx, vivado
from boards.board import TOP, BuildStep
from boards.mmcm import find_mmcm, mmcm
from boards.sources import KEEP_COPIES, sources
from hw.stream.ramb import Ramb

DELAY_HZ = 200_000_000
"""What an IDELAYCTRL is clocked with, for delays of 78 ps a tap."""
QUAD_FLASH = {"CONFIG.SPI_BUSWIDTH": 4}
"""A bitstream's settings for a board whose flash is on four data lines."""


def synthesis(top: str = TOP, *, pads: bool = True) -> tuple[str, ...]:
    """Yosys commands from RTLIL to 7-series cells.

    What ``synth_xilinx -nosrl`` does, but with ``abc`` in place of ``abc9``, which in Yosys 0.70
    stops with a failed assertion on these designs (``count_id(wire->name) == 0``). Without shift
    registers, since looking for them also makes shifts of what is a choice of constants, and
    subtractions of these.

    Parameters
    ----------
    top : str
        Name of the module to synthesise.
    pads : bool
        ``top`` is the whole chip; otherwise a part of it, without pads and clock buffers.
    """
    whole = "" if pads else " -noiopad -noclkbuf"
    synth = f"synth_xilinx -flatten -nosrl -arch xc7 -top {top}{whole}"
    return (
        KEEP_COPIES,
        f"{synth} -run begin:map_luts",
        "opt_expr -mux_undef -noclkinv",
        "abc -luts 2:2,3,6:5,10,20",
        "clean",
        # Of one inverter, abc leaves one for each register that it resets or enables; registers
        # of one slice share these nets.
        "opt_merge t:$lut",
        "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
        "xilinx_dffopt",
        "opt_lut_ins -tech xilinx",
        f"{synth} -run finalize:",
        "delete t:$scopeinfo",
    )


class SevenSeriesPlatform(XilinxPlatform):
    """Derive a board's platform from this first to get our build files in place of its own.

    ``prepare(top)`` returns a plan with ``top.il``, ``top.xdc``, ``nextpnr.xdc``,
    ``build_vivado.tcl`` and ``build_open.sh``; the Verilog that Vivado reads is made from
    ``top.il``.
    """

    block_ram = Ramb
    bitstream_settings: Mapping[str, object] = {}
    """Vivado's properties ``BITSTREAM.*`` that are the board's."""
    configuration_volts = 3.3
    """That the bank is supplied with by whose pins the FPGA is configured."""

    def __init__(self) -> None:
        super().__init__()
        self._input_delays: list[str] = []
        self._core_nets: dict[str, float] = {}

    @property
    def build_steps(self) -> tuple[BuildStep, ...]:
        """What to run in the folder."""
        edition = vivado.EDITIONS[self.device]
        return (
            BuildStep(
                "vivado -mode batch -source build_vivado.tcl", f"build the bitstream ({edition})"
            ),
            BuildStep(
                "sh build_open.sh CHIPDB PRJXRAY_DB",
                "the same with open tools; experimental, see its first lines",
            ),
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
        """Calibrate the delays of inputs by a clock of 200 MHz, again behind every reset.

        Parameters
        ----------
        m : Module
        reference : Value
            The oscillator's clock, of which that one is made.
        """
        clock = Signal()
        reset: Value = ResetSignal()
        m.submodules.delay_clock = part = Module()
        self.distribute_clock(part, reference, clock)
        if int(self.default_clk_frequency) != DELAY_HZ:
            # From the global network: a second MMCM may be far from the oscillator's pin.
            made, locked = self.make_clock(part, clock, DELAY_HZ)
            reset = reset | ~locked
            clock = Signal()
            m.submodules.delay_clock_200 = part = Module()
            self.distribute_clock(part, made, clock)
        m.submodules.delay_control = Instance("IDELAYCTRL", i_REFCLK=clock, i_RST=reset)

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

    def constrain_nets(self, nets: Iterable[str], hz: float) -> None:
        """Say how fast clocks are that only what is instantiated knows.

        Parameters
        ----------
        nets : iterable of str
            By their paths below the top.
        hz : float
        """
        self._core_nets |= dict.fromkeys(nets, hz)

    def constrain_inputs(self, clock: IOPort, data: Iterable[IOPort], margin_ns: float) -> None:
        """Say when inputs are steady that come on both edges of a clock, which are amid the data.

        Parameters
        ----------
        clock : IOPort
            With a constraint of its own.
        data : iterable of IOPort
        margin_ns : float
            How long before and after each edge they are steady.
        """
        half = 1e9 / (2 * self._io_clocks[clock])
        ports = " ".join(f"{{{p.name}{'[*]' if len(p) > 1 else ''}}}" for p in data)
        for edge in ("", " -clock_fall -add_delay"):
            for bound, delay in (("-max", half - margin_ns), ("-min", margin_ns)):
                self._input_delays.append(
                    f"set_input_delay -clock {clock.name}{edge} {bound} {delay:g} "
                    f"[get_ports [list {ports}]]"
                )

    def toolchain_prepare(self, fragment: Design, name: str, **kwargs: object) -> BuildPlan:
        """Write the design and what goes with it."""
        text, self._name_map = rtlil.convert_fragment(
            fragment, name=name, emit_src=False, propagate_domains=False
        )
        plan = BuildPlan(script="build_open")
        plan.add_file("top.il", text)
        plan.add_file("top.xdc", self._constraints())
        nets = {
            ".".join(self._name_map[signal][1:]): hz
            for signal, hz in self.iter_signal_clock_constraints()
        }
        nets |= self._core_nets
        plan.add_file("nextpnr.xdc", nextpnr_xilinx.constraints(nets))
        files = ["top.v", *self.iter_files(".v")]
        plan.add_file(
            "build_vivado.tcl",
            vivado.script(
                self.part, self.device, files, self.bitstream_settings, self.configuration_volts
            ),
        )
        netlist = (*sources(self.iter_files(".v")), *synthesis(), "write_json top.json")
        clock_hz = next(iter(nets.values()), self.default_clk_frequency)
        plan.add_file("build_open.sh", nextpnr_xilinx.script(self.part, netlist, clock_hz))
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
        return "\n".join([*lines, *self._input_delays]) + "\n"
