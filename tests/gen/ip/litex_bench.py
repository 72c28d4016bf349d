"""The pads of LiteX's example system, as a cocotb bench: a Wishbone master, pixels, class sums.

Runs inside the simulator, for ``tests/gen/ip/test_litex.py``.
"""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, with_timeout

PERIOD_NS = 10
PATIENCE = 20_000
"""Cycles that the whole run may take."""
INPUTS = (
    "host_adr",
    "host_bte",
    "host_cti",
    "host_cyc",
    "host_dat_w",
    "host_sel",
    "host_stb",
    "host_we",
    "pixels_data",
    "pixels_first",
    "pixels_last",
    "pixels_valid",
    "sums_ready",
)


async def access(dut: Any, address: int, data: int | None) -> list[int]:
    """Read a word, or write ``data``; what was on the bus then, and whether it was an error."""
    dut.host_adr.value, dut.host_sel.value = address >> 2, 15
    dut.host_we.value, dut.host_dat_w.value = int(data is not None), data or 0
    dut.host_cyc.value = dut.host_stb.value = 1
    await RisingEdge(dut.sys_clk)
    while True:
        await RisingEdge(dut.sys_clk)
        error = int(dut.host_err.value)
        if int(dut.host_ack.value) or error:
            break
    found = [int(dut.host_dat_r.value), error]
    dut.host_cyc.value = dut.host_stb.value = 0
    await RisingEdge(dut.sys_clk)
    return found


async def send(dut: Any, beats: list[list[int]]) -> None:
    """Give beats to the core."""
    dut.pixels_valid.value = 1
    for data, last, first in beats:
        dut.pixels_data.value, dut.pixels_last.value = data, last
        dut.pixels_first.value = first
        await RisingEdge(dut.sys_clk)
        while not int(dut.pixels_ready.value):
            await RisingEdge(dut.sys_clk)
    dut.pixels_valid.value = 0


async def receive(dut: Any, count: int) -> list[list[int]]:
    """Take class sums: each its value, whether it is the last one, and the mark."""
    found: list[list[int]] = []
    dut.sums_ready.value = 1
    while len(found) < count:
        await RisingEdge(dut.sys_clk)
        if int(dut.sums_valid.value):
            wires = (dut.sums_data, dut.sums_last, dut.sums_malformed)
            found.append([int(wire.value) for wire in wires])
    return found


async def _play(dut: Any, spec: dict) -> dict:
    for name in INPUTS:
        getattr(dut, name).value = 0
    dut.sys_rst.value = 1
    cocotb.start_soon(Clock(dut.sys_clk, PERIOD_NS, "ns").start())
    await ClockCycles(dut.sys_clk, 4)
    dut.sys_rst.value = 0
    await ClockCycles(dut.sys_clk, 4)
    before = [await access(dut, *one) for one in spec["before"]]
    cocotb.start_soon(send(dut, spec["beats"]))
    sums = await receive(dut, spec["sums"])
    await ClockCycles(dut.sys_clk, 4)
    irq = int(dut.irq.value)
    after = [await access(dut, *one) for one in spec["after"]]
    return {"before": before, "sums": sums, "irq": irq, "after": after}


async def play(dut: Any, spec: dict) -> dict:
    """Access registers, send beats, take class sums, access registers again."""
    try:
        return await with_timeout(_play(dut, spec), PATIENCE * PERIOD_NS, "ns")
    except SimTimeoutError:
        return {"failure": "stuck"}
