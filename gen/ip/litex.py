"""The core for LiteX: a module with its streams and its bus, and a system to try it in."""

from __future__ import annotations

from hw.axi.core import NAME
from protocol.registers import ADDRESS_BITS, CoreInfo

_MODULE = '''\
"""{name} for LiteX ({network}). Written by firebrick.

A system adds the core, its files and its registers so:

    self.firebrick = FirebrickCore()
    self.firebrick.add_sources(platform)
    region = SoCRegion(origin=0x3000_0000, size=FirebrickCore.SIZE, cached=False)
    self.bus.add_slave("firebrick", self.firebrick.bus, region)

`python {file}` writes the Verilog of a small system with the core, example_soc.v.
"""

from pathlib import Path

from litex.build.generic_platform import Pins, Subsignal
from litex.build.sim import SimPlatform
from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import stream, wishbone
from litex.soc.interconnect.axi import AXILiteInterface
from migen import ClockDomain, ClockSignal, Instance, ResetSignal, Signal

HERE = Path(__file__).parent


class FirebrickCore(LiteXModule):
    """The core in the system's clock domain.

    ``sink`` takes frames: bytes, red, green, blue, the first one in the lowest bits; ``first`` may
    mark a frame's first beat, ``last`` must mark its last one. ``source`` gives the class sums,
    ``best`` the class with the largest one (lower half) and its sum (upper half); ``malformed``
    means that the frame was not as it should be. ``bus`` has the registers, ``irq`` is the
    interrupt. A source that nobody reads needs its ``ready`` set.
    """

    FRAME_BYTES = {frame_bytes}
    FRAME_BEATS = {frame_beats}
    CLASSES = {classes}
    SIZE = {size}

    def __init__(self):
        self.sink = stream.Endpoint([("data", {beat_bits})])
        self.source = stream.Endpoint([("data", 32), ("malformed", 1)])
        self.best = stream.Endpoint([("data", 64), ("malformed", 1)])
        self.bus = AXILiteInterface(data_width=32, address_width=32)
        self.irq = Signal()
        running = Signal()
        self.comb += running.eq(~ResetSignal("sys"))
        self.specials += Instance(
            "{name}",
            i_aclk=ClockSignal("sys"),
            i_aresetn=running,
            i_s_axis_tuser=self.sink.first,
            **self._stream("s_axis", self.sink, "io"),
            o_m_axis_tuser=self.source.malformed,
            **self._stream("m_axis", self.source, "oi"),
            o_m_axis_top1_tuser=self.best.malformed,
            **self._stream("m_axis_top1", self.best, "oi"),
            **self._registers(),
            o_irq=self.irq,
        )

    @staticmethod
    def _stream(prefix, endpoint, ways):
        there, back = ways
        return {{
            f"{{there}}_{{prefix}}_tdata": endpoint.data,
            f"{{there}}_{{prefix}}_tvalid": endpoint.valid,
            f"{{back}}_{{prefix}}_tready": endpoint.ready,
            f"{{there}}_{{prefix}}_tlast": endpoint.last,
        }}

    def _registers(self):
        ports = {{}}
        for channel, there, back in (
            ("aw", "i", "o"),
            ("w", "i", "o"),
            ("b", "o", "i"),
            ("ar", "i", "o"),
            ("r", "o", "i"),
        ):
            endpoint = getattr(self.bus, channel)
            ports[f"{{there}}_s_axi_{{channel}}valid"] = endpoint.valid
            ports[f"{{back}}_s_axi_{{channel}}ready"] = endpoint.ready
            for name, _ in endpoint.description.payload_layout:
                wire = getattr(endpoint, name)
                wire = wire[:{address_bits}] if name == "addr" else wire
                ports[f"{{there}}_s_axi_{{channel}}{{name}}"] = wire
        return ports

    @staticmethod
    def add_sources(platform, simulation=False):
        """Add the core's Verilog; that for simulators holds no primitives of an FPGA."""
        platform.add_source(str(HERE / ("{simulated}" if simulation else "{verilog}")))


def _wires(name, bits, *more):
    signals = [("data", bits), ("valid", 1), ("ready", 1), ("last", 1), *more]
    return (name, 0, *(Subsignal(signal, Pins(width)) for signal, width in signals))


IO = [
    ("sys_clk", 0, Pins(1)),
    ("sys_rst", 0, Pins(1)),
    _wires("pixels", {beat_bits}, ("first", 1)),
    _wires("sums", 32, ("malformed", 1)),
    ("irq", 0, Pins(1)),
    *wishbone.Interface(data_width=32, adr_width=30).get_ios("host"),
]


class ExampleSoC(SoCMini):
    """The core, its streams at the pads, and a Wishbone bus from the pads to its registers."""

    ORIGIN = 0x3000_0000

    def __init__(self, platform):
        self.cd_sys = ClockDomain()
        super().__init__(platform, {clock_hz}, ident="", with_timer=False)
        self.comb += [
            self.cd_sys.clk.eq(platform.request("sys_clk")),
            self.cd_sys.rst.eq(platform.request("sys_rst")),
        ]
        self.firebrick = core = FirebrickCore()
        core.add_sources(platform, simulation=True)
        region = SoCRegion(origin=self.ORIGIN, size=FirebrickCore.SIZE, cached=False)
        self.bus.add_slave("firebrick", core.bus, region)
        host = wishbone.Interface(data_width=32, adr_width=30)
        self.comb += host.connect_to_pads(platform.request("host"), mode="slave")
        self.bus.add_master("host", host)
        pixels, sums = platform.request("pixels"), platform.request("sums")
        self.comb += [
            core.sink.data.eq(pixels.data),
            core.sink.valid.eq(pixels.valid),
            core.sink.first.eq(pixels.first),
            core.sink.last.eq(pixels.last),
            pixels.ready.eq(core.sink.ready),
            sums.data.eq(core.source.data),
            sums.valid.eq(core.source.valid),
            sums.last.eq(core.source.last),
            sums.malformed.eq(core.source.malformed),
            core.source.ready.eq(sums.ready),
            core.best.ready.eq(1),
            platform.request("irq").eq(core.irq),
        ]


if __name__ == "__main__":
    platform = SimPlatform("SIM", IO)
    soc = ExampleSoC(platform)
    soc.finalize()
    platform.get_verilog(soc, name="example_soc").write("example_soc.v")
'''


def litex_module(info: CoreInfo, network: str, file: str, verilog: str, simulated: str) -> str:
    """Python that LiteX takes.

    Parameters
    ----------
    info : CoreInfo
    network : str
        Its name.
    file : str
        What the file is called.
    verilog, simulated : str
        Names of the core's files beside it, for synthesis and for simulators.
    """
    return _MODULE.format(
        name=NAME,
        network=network,
        file=file,
        verilog=verilog,
        simulated=simulated,
        frame_bytes=info.frame_bytes,
        frame_beats=info.frame_beats,
        classes=info.classes,
        size=f"0x{1 << ADDRESS_BITS:X}",
        address_bits=ADDRESS_BITS,
        beat_bits=info.beat_bits,
        clock_hz=info.clock_hz,
    )
