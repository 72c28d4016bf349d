"""AXI4-Lite and AXI4-Stream as signatures, and as ports with their standard names."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from protocol.registers import ADDRESS_BITS

DATA_BITS = 32
"""Of AXI4-Lite."""


class Response(IntEnum):
    """How an access ended, as AXI encodes it."""

    OKAY = 0
    SLVERR = 2
    DECERR = 3


AXI_LITE = wiring.Signature(
    {
        "awaddr": Out(ADDRESS_BITS),
        "awprot": Out(3),
        "awvalid": Out(1),
        "awready": In(1),
        "wdata": Out(DATA_BITS),
        "wstrb": Out(DATA_BITS // 8),
        "wvalid": Out(1),
        "wready": In(1),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
        "araddr": Out(ADDRESS_BITS),
        "arprot": Out(3),
        "arvalid": Out(1),
        "arready": In(1),
        "rdata": In(DATA_BITS),
        "rresp": In(2),
        "rvalid": In(1),
        "rready": Out(1),
    }
)
"""AXI4-Lite, as its master sees it."""


def beat(bits: int) -> data.StructLayout:
    """What a beat of AXI4-Stream carries beside its handshake.

    ``data`` is TDATA, ``last`` TLAST, ``user`` TUSER.
    """
    return data.StructLayout({"data": bits, "last": 1, "user": 1})


def stream_ports(prefix: str, bits: int, flow: wiring.Flow) -> dict[str, wiring.Member]:
    """Ports of an AXI4-Stream, by their names.

    Parameters
    ----------
    prefix : str
        Such as ``s_axis``.
    bits : int
        Of TDATA.
    flow : In or Out
        Whether beats come in or go out.
    """
    signature = wiring.Signature(
        {
            "tdata": Out(bits),
            "tvalid": Out(1),
            "tready": In(1),
            "tlast": Out(1),
            "tuser": Out(1),
        }
    )
    return flat_ports(prefix, signature, flow)


def flat_ports(
    prefix: str, signature: wiring.Signature, flow: wiring.Flow
) -> dict[str, wiring.Member]:
    """A port for each member of a bus.

    Parameters
    ----------
    prefix : str
        What their names begin with.
    signature : Signature
        Of members that are plain signals.
    flow : In or Out
        Of the bus.
    """
    members = signature if flow is Out else signature.flip()
    return {f"{prefix}_{name}": member for name, member in members.members.items()}


def connect_lite(m: Module, ports: Any, prefix: str, slave: Any) -> None:
    """Connect the ports of an AXI4-Lite slave to what is one inside.

    Parameters
    ----------
    m : Module
    ports : Component
        That has the ports.
    prefix : str
    slave : interface of :data:`AXI_LITE`, flipped
    """
    for name, member in AXI_LITE.members.items():
        outer, inner = getattr(ports, f"{prefix}_{name}"), getattr(slave, name)
        m.d.comb += inner.eq(outer) if member.flow is Out else outer.eq(inner)


def from_ports(m: Module, ports: Any, prefix: str, bits: int) -> stream.Interface:
    """The beats that come in by the ports of an AXI4-Stream.

    Parameters
    ----------
    m : Module
    ports : Component
        That has the ports.
    prefix : str
    bits : int
        Of TDATA.
    """
    beats = stream.Signature(beat(bits)).create(path=(prefix,))
    valid, ready, payload = _wires(ports, prefix)
    m.d.comb += [beats.valid.eq(valid), ready.eq(beats.ready)]
    m.d.comb += [getattr(beats.payload, name).eq(wire) for name, wire in payload.items()]
    return beats


def to_ports(m: Module, beats: Any, ports: Any, prefix: str) -> None:
    """Give beats out by the ports of an AXI4-Stream.

    Parameters
    ----------
    m : Module
    beats : stream.Interface
    ports : Component
        That has the ports.
    prefix : str
    """
    valid, ready, payload = _wires(ports, prefix)
    m.d.comb += [valid.eq(beats.valid), beats.ready.eq(ready)]
    m.d.comb += [wire.eq(getattr(beats.payload, name)) for name, wire in payload.items()]


def _wires(ports: Any, prefix: str) -> tuple[Signal, Signal, dict[str, Signal]]:
    names = ("data", "last", "user")
    payload = {name: getattr(ports, f"{prefix}_t{name}") for name in names}
    return getattr(ports, f"{prefix}_tvalid"), getattr(ports, f"{prefix}_tready"), payload
