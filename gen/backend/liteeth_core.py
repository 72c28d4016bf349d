"""Writes the Ethernet core of a board, LiteEth's UDP/IP, as Verilog.

Run as a program of its own, by :func:`gen.backend.ethernet_core.core_verilog`: what LiteEth is
written in keeps global state. Its arguments are the core's parameters as JSON, and where
the Verilog goes.
"""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Address
from typing import Any

from liteeth.core import LiteEthUDPIPCore
from liteeth.phy import LiteEthECP5PHYRGMII, LiteEthPHYMII, LiteEthS7PHYRGMII
from litex.build.generic_platform import Pins, Subsignal
from litex.build.lattice import LatticePlatform
from litex.build.xilinx import XilinxPlatform
from migen import ClockDomain, If, Module, Signal
from migen.genlib.cdc import MultiReg

NAME = "liteeth_core"

_PADS = {
    "mii": {"rx_dv": 1, "rx_er": 1, "rx_data": 4, "tx_en": 1, "tx_data": 4, "col": 1, "crs": 1},
    "rgmii": {"rx_ctl": 1, "rx_data": 4, "tx_ctl": 1, "tx_data": 4},
}
_PEER = {"address": 32, "port": 16}
_RGMII = {"xc7": (LiteEthS7PHYRGMII, 1 / (64 * 200e6)), "ecp5": (LiteEthECP5PHYRGMII, 25e-12)}
"""LiteEth's PHY for RGMII by the FPGA's family, and the seconds that it takes a tap for."""
_EVERYBODY = 0xFFFFFFFF
"""The address 255.255.255.255, of all on the LAN."""
_NEIGHBOURS = 0xFF
"""Makes of an address that of all in its subnet; LiteEth takes all subnets to be so long, too."""
_RELOCK_SECONDS = 1e-3
"""How long a PLL may be without lock before it is reset."""
_PULSE_CYCLES = 64


def _group(name: str, widths: dict[str, int]) -> tuple[Any, ...]:
    return (name, 0, *(Subsignal(pin, Pins(width)) for pin, width in widths.items()))


def _ports(phy: str, width: int) -> list[tuple[Any, ...]]:
    """All ports of the core."""
    word = {"valid": 1, "ready": 1, "last": 1, "data": width, **_PEER}
    return [
        ("sys_clock", 0, Pins(1)),
        ("sys_reset", 0, Pins(1)),
        ("phy_reset", 0, Pins(1)),
        _group(f"{phy}_clocks", {"rx": 1, "tx": 1}),
        _group(phy, _PADS[phy]),
        _group("rx", {**word, "last_be": width // 8, "error": 1}),
        _group("tx", {**word, "length": 16}),
    ]


class EthernetCore(Module):
    """PHY, MAC with its clock crossings, ARP, ICMP echo, IP, and one UDP port.

    Parameters
    ----------
    platform : LiteX platform
        With the ports of :func:`_ports`.
    parameters : dict
        See :func:`gen.backend.ethernet_core.core_parameters`.
    """

    def __init__(self, platform: Any, parameters: dict[str, Any]):
        self._platform, self._parameters = platform, parameters
        width = parameters["width"]
        self.clock_domains.cd_sys = ClockDomain()
        self.comb += [
            self.cd_sys.clk.eq(platform.request("sys_clock")),
            self.cd_sys.rst.eq(platform.request("sys_reset")),
        ]
        self.submodules.phy = phy = self._phy()
        to_all = Signal()
        self.submodules.core = core = LiteEthUDPIPCore(
            phy,
            mac_address=parameters["mac"],
            ip_address=parameters["address"],
            clk_freq=parameters["clock_hz"],
            dw=width,
            with_icmp=True,
            icmp_fifo_depth=parameters["ping_bytes"],
            # Whatever is true here is taken, whoever it is for.
            with_ip_broadcast=to_all,
            with_sys_datapath=width > phy.dw,
            rx_cdc_depth=parameters["rx_words"],
        )
        target = core.ip.rx.depacketizer.source.target_ip
        neighbours = int(IPv4Address(parameters["address"])) | _NEIGHBOURS
        self.comb += to_all.eq((target == _EVERYBODY) | (target == neighbours))
        self._connect(core.udp.crossbar.get_port(parameters["port"], dw=width))

    def _phy(self) -> Any:
        """The pads' side."""
        parameters, request = self._parameters, self._platform.request
        kind, reset = parameters["phy"], request("phy_reset")
        clocks, pads = request(f"{kind}_clocks"), request(kind)
        if kind == "mii":
            phy = LiteEthPHYMII(clocks, pads, with_hw_init_reset=False)
        else:
            rgmii, tap = _RGMII[parameters["family"]]
            # A little more than the taps, since the one rounds and the other cuts off.
            delay = (parameters["rx_delay_taps"] + 0.25) * tap
            phy = rgmii(clocks, pads, with_hw_init_reset=False, rx_delay=delay)
            if parameters["family"] == "xc7":
                self._keep_locked(phy.crg.pll, reset)
        if parameters["width"] == phy.dw:
            # Or else the MAC looks at no Ethernet frame's check sequence.
            self.comb += phy.source.last_be.eq(phy.source.last)
        # A register of a bus that this core does not have.
        self.comb += phy.crg._reset.storage.eq(reset)
        return phy

    def _keep_locked(self, pll: Any, reset: Any) -> None:
        """Reset the PLL when the PHY's clock comes back: it does not lock again by itself."""
        cycles = int(self._parameters["clock_hz"] * _RELOCK_SECONDS)
        waited, locked = Signal(max=cycles + _PULSE_CYCLES), Signal()
        self.specials += MultiReg(pll.locked, locked)
        self.sync += [
            waited.eq(waited + 1),
            If(locked | reset | (waited == cycles + _PULSE_CYCLES - 1), waited.eq(0)),
        ]
        self.comb += pll.reset.eq(reset | (waited >= cycles))

    def _connect(self, port: Any) -> None:
        """The UDP port to the core's."""
        rx, tx = self._platform.request("rx"), self._platform.request("tx")
        sink, source = port.sink, port.source
        self.comb += [
            sink.valid.eq(tx.valid),
            tx.ready.eq(sink.ready),
            sink.last.eq(tx.last),
            sink.last_be.eq(tx.last << self._parameters["width"] // 8 - 1),
            sink.data.eq(tx.data),
            sink.length.eq(tx.length),
            sink.src_port.eq(self._parameters["port"]),
            sink.dst_port.eq(tx.port),
            sink.ip_address.eq(tx.address),
            rx.valid.eq(source.valid),
            source.ready.eq(rx.ready),
            rx.last.eq(source.last),
            rx.last_be.eq(source.last_be),
            rx.data.eq(source.data),
            rx.error.eq(source.error != 0),
            rx.address.eq(source.ip_address),
            rx.port.eq(source.src_port),
        ]


def main(parameters: str, path: str) -> None:
    """Write the core with these parameters to ``path``."""
    values = json.loads(parameters)
    ports = _ports(values["phy"], values["width"])
    if values["family"] == "xc7":
        platform = XilinxPlatform(values["part"], io=ports, toolchain="vivado")
    else:
        platform = LatticePlatform(values["part"], io=ports, toolchain="trellis")
    platform.get_verilog(EthernetCore(platform, values), name=NAME).write(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
