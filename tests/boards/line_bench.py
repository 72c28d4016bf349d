"""The far end of a board's serial line, as a cocotb bench: bits in, bytes out.

Runs inside the simulator, on the pads of an Arty A7's top, for ``tests/boards/test_top_uart.py``.
"""

import random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event, FallingEdge, SimTimeoutError, Timer, with_timeout

PATIENCE_BITS = 2000
"""How long an answer may pause; longer than a result takes and shorter than a frame."""
QUIET_BITS = 300
"""Watched after the last step, in which nothing may come."""
PRESS_PS = 1_000_000


class LineError(Exception):
    """What the board sent is not a byte, or did not come."""


class Line:
    """The host's transmitter and receiver, both at the host's own rate."""

    def __init__(self, dut: Any, bit_ps: int):
        self._rx = dut.uart_0__rx__io
        self._tx = dut.uart_0__tx__io
        self._bit_ps = bit_ps
        self._arrived = Event()
        self._broken: str | None = None
        self.received = bytearray()

    async def wait(self, bits: float) -> None:
        await Timer(round(bits * self._bit_ps), "ps")

    async def send(self, bits: str) -> None:
        for bit in bits:
            self._rx.value = int(bit)
            await self.wait(1)

    async def listen(self) -> None:
        """Take bytes from the board for ever: each bit where its middle should be."""
        while True:
            await FallingEdge(self._tx)
            await self.wait(0.5)
            bits = [int(self._tx.value)]
            for _ in range(9):
                await self.wait(1)
                bits.append(int(self._tx.value))
            if bits[0] != 0 or bits[9] != 1:
                self._broken = (
                    f"byte {len(self.received)} came as {bits}, with a wrong start or stop"
                )
            self.received.append(sum(bit << k for k, bit in enumerate(bits[1:9])))
            self._arrived.set()

    async def receive(self, count: int) -> None:
        """Wait until ``count`` bytes have come in all."""
        while len(self.received) < count:
            self._arrived.clear()
            try:
                await with_timeout(self._arrived.wait(), PATIENCE_BITS * self._bit_ps, "ps")
            except SimTimeoutError:
                raise LineError(
                    f"only {len(self.received)} bytes of {count} came: {self.received.hex()}"
                ) from None
            self.check()

    def check(self) -> None:
        if self._broken:
            raise LineError(self._broken)


async def _play(dut: Any, spec: dict) -> list[dict]:
    """Take the steps; tells what came in each and the two lights after it."""
    line = Line(dut, spec["bit_ps"])
    dut.uart_0__rx__io.value = 1
    dut.rst_0__io.value = 1
    cocotb.start_soon(Clock(dut.clk100_0__io, spec["clock_ps"], "ps").start())
    cocotb.start_soon(line.listen())
    # The host's bits begin anywhere in a clock cycle.
    await line.wait(20 + random.Random(spec["seed"]).random())
    results = []
    for step in spec["steps"]:
        before = len(line.received)
        if step["reset"]:
            dut.rst_0__io.value = 0
            await Timer(PRESS_PS, "ps")
            dut.rst_0__io.value = 1
            await Timer(PRESS_PS, "ps")
        await line.send(step["bits"])
        await line.receive(before + step["receive"])
        if step is spec["steps"][-1]:
            await line.wait(QUIET_BITS)
            line.check()
        received = line.received[before:].hex()
        busy, wrong = int(dut.led_1__io.value), int(dut.led_2__io.value)
        results.append({"received": received, "busy": busy, "wrong": wrong})
    return results


async def play(dut: Any, spec: dict) -> dict:
    """Play the steps; a failure is part of the outcome."""
    failure, steps = None, []
    try:
        steps = await _play(dut, spec)
    except LineError as error:
        failure = str(error)
    return {"failure": failure, "steps": steps}
