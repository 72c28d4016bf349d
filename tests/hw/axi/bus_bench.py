"""The other end of a core's buses, as a cocotb bench: cocotbext-axi's masters, sources and sinks.

Runs inside the simulator, for ``tests/hw/axi/test_core.py``. A run is a list of steps, each a list
of a method's name of :class:`Bench` and its arguments; it ends with what these returned.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, RisingEdge, SimTimeoutError, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster
from cocotbext.axi.stream import define_stream

from gen.common.build_folder import BuildFolder
from gen.ir.network_file import load_network
from host.core_update import update_core
from host.new_contents import NewContents
from protocol.registers import BY_NAME
from protocol.update_registers import UpdateState

PERIOD_NS = 10
PATIENCE = 20_000
"""Cycles that a step may take."""
QUIET = 64
"""Cycles at the end of a run in which nothing more may come."""
CHANNELS = {
    "m_axis": ("tvalid", "tready", ("tdata", "tlast", "tuser")),
    "m_axis_top1": ("tvalid", "tready", ("tdata", "tlast", "tuser")),
    "s_axi": ("bvalid", "bready", ("bresp",)),
    "s_axi ": ("rvalid", "rready", ("rdata", "rresp")),
}
"""What the core drives: valid, ready and what must hold until both are set."""

Bus, Beat, Source, Sink, _ = define_stream(
    "Beat", signals=["tdata", "tvalid", "tready", "tlast", "tuser"]
)


class Failure(Exception):
    """The core broke a rule of its buses, or is stuck."""


class Bench:
    """Everything around one core.

    Parameters
    ----------
    dut : handle
    unit : str
        What the names of its ports begin with.
    seed : int
    stall : float
        Probability that a channel stands still in a cycle.
    """

    def __init__(self, dut: Any, unit: str, seed: int, stall: float):
        self._clock, self._reset = getattr(dut, f"{unit}_aclk"), getattr(dut, f"{unit}_aresetn")
        self._irq = getattr(dut, f"{unit}_irq")
        self._dut, self._unit = dut, unit
        common = (self._clock, self._reset, False)
        self._pixels = Source(Bus.from_prefix(dut, f"{unit}_s_axis"), *common)
        self._sums = Sink(Bus.from_prefix(dut, f"{unit}_m_axis"), *common)
        self._best = Sink(Bus.from_prefix(dut, f"{unit}_m_axis_top1"), *common)
        self._lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, f"{unit}_s_axi"), *common)
        self._rng = random.Random(seed)
        write, read = self._lite.write_if, self._lite.read_if
        self._channels = {
            "s_axis": self._pixels,
            "m_axis": self._sums,
            "m_axis_top1": self._best,
            "aw": write.aw_channel,
            "w": write.w_channel,
            "b": write.b_channel,
            "ar": read.ar_channel,
            "r": read.r_channel,
        }
        self.received: dict[str, list[list[int]]] = {"m_axis": [], "m_axis_top1": []}
        self.broken: str | None = None
        self.ends: list[int] = []
        """Cycles in which packets of class sums ended."""
        for channel in self._channels.values():
            if stall:
                channel.set_pause_generator(self._pauses(stall))

    def _pauses(self, stall: float) -> Iterator[bool]:
        while True:
            yield self._rng.random() < stall

    async def pause(self, channel: str, paused: bool) -> None:
        """Hold a channel, or let it go, in place of random stalls."""
        self._channels[channel].clear_pause_generator()
        self._channels[channel].pause = paused

    async def reset(self, cycles: int, beats: Sequence[list[int]] = ()) -> None:
        """Pull ``aresetn``; some beats are offered as soon as it rises."""
        self._reset.value = 0
        await ClockCycles(self._clock, cycles)
        await self.send(beats)
        self._reset.value = 1
        await ClockCycles(self._clock, 1)

    async def send(self, beats: Sequence[list[int]]) -> None:
        """Offer beats, each its data, ``TLAST`` and ``TUSER``, behind those that wait already."""
        for data, last, user in beats:
            self._pixels.send_nowait(Beat(tdata=data, tlast=last, tuser=user))

    async def sent(self) -> None:
        """Wait until all beats have been taken."""
        await self._pixels.wait()

    async def receive(self, channel: str, number: int) -> None:
        """Wait until so many beats have come in all."""
        sink, found = self._channels[channel], self.received[channel]
        while len(found) < number:
            found.append(_values(await sink.recv()))

    async def write(self, address: int, data: list[int]) -> int:
        """Write bytes, of several words one right after another; returns the worst response."""
        return int((await self._lite.write(address, bytes(data))).resp)

    async def read(self, address: int, size: int = 4) -> list[int]:
        """Read a word, or several one right after another; returns them and the response."""
        found = await self._lite.read(address, size)
        return [int.from_bytes(found.data, "little"), int(found.resp)]

    async def get(self, name: str, field: str) -> int:
        """A field of a register."""
        found = next(one for one in BY_NAME[name].fields if one.name == field)
        value, _ = await self.read(BY_NAME[name].address)
        return (value & found.mask) >> found.low

    async def put(self, name: str, value: int) -> None:
        """Write a register."""
        await self.write(BY_NAME[name].address, list(value.to_bytes(4, "little")))

    async def until(self, name: str, field: str) -> None:
        """Wait for a field that is not 0."""
        while not await self.get(name, field):
            pass

    async def begin(self, size: int) -> None:
        """Begin a transfer, and wait until its bytes are taken."""
        await self.put("UPDATE_LENGTH", size)
        await self.until("UPDATE_STATUS", "READY")

    async def push(self, data: list[int]) -> None:
        """Write bytes of a transfer, each word one right after another."""
        for at in range(0, len(data), 4):
            await self.put("UPDATE_DATA", int.from_bytes(bytes(data[at : at + 4]), "little"))

    async def transfer(self, data: list[int]) -> int:
        """Send a frame of contents; returns its status."""
        await self.begin(len(data))
        await self.push(data)
        await self.until("UPDATE_RESULT", "DONE")
        return await self.get("UPDATE_RESULT", "STATUS")

    async def update(self, folder: str, network: str, key: str) -> list[Any]:
        """Update the core by the host's own code; returns what memories were written, and how."""
        contents = NewContents.of(BuildFolder(Path(folder)), load_network(Path(network)))
        done = await bridge(update_core)(_Registers(self), contents, bytes.fromhex(key))
        return [list(done.memories), done.before.hex(), done.after.hex(), done.counter]

    async def state(self) -> list[Any]:
        """How updates stand: state, counter, digest."""
        state, counter = (
            await self.get("UPDATE_STATUS", "STATE"),
            await self.read(BY_NAME["UPDATE_COUNTER"].address),
        )
        digest = await self.read(BY_NAME["DIGEST_LOW"].address, 8)
        return [UpdateState(state).name, counter[0], digest[0].to_bytes(8, "little").hex()]

    async def read_while_writing(self, read: int, write: int, data: list[int]) -> list[int]:
        """Read a word while others are written; returns it and both responses."""
        writing = cocotb.start_soon(self.write(write, data))
        return [*await self.read(read), await writing]

    async def wait(self, cycles: int) -> None:
        """Let time pass."""
        await ClockCycles(self._clock, cycles)

    async def irq(self) -> int:
        """The interrupt, now."""
        return int(self._irq.value)

    async def interrupted(self) -> None:
        """Wait for the interrupt."""
        while not int(self._irq.value):
            await RisingEdge(self._clock)

    async def finish(self) -> None:
        """Watch that nothing follows; what does is received."""
        await self.wait(QUIET)
        for channel, found in self.received.items():
            sink = self._channels[channel]
            found += [_values(sink.recv_nowait()) for _ in range(sink.count())]

    async def watch(self) -> None:
        """Hold the core to the rules: what it offers stays until it is taken, but for resets."""
        held: dict[str, tuple[int, ...]] = {}
        wires = {
            channel: [self._wires(channel.strip(), names) for names in ((valid, ready), payload)]
            for channel, (valid, ready, payload) in CHANNELS.items()
        }
        for cycle in count():
            await RisingEdge(self._clock)
            for channel, ((valid, ready), payload) in wires.items():
                now = tuple(int(wire.value) for wire in payload) if int(valid.value) else ()
                before = held.get(channel)
                if before is not None and now != before and not self.broken:
                    self.broken = f"{channel}: {before} was not taken yet, then {now}"
                running = int(self._reset.value)
                held.pop(channel, None)
                if running and now and not int(ready.value):
                    held[channel] = now
                elif running and channel == "m_axis" and now[1:2] == (1,):
                    self.ends.append(cycle)

    def _wires(self, bus: str, names: tuple[str, ...]) -> list[Any]:
        return [getattr(self._dut, f"{self._unit}_{bus}_{name}") for name in names]


class _Registers:
    """The registers for code that knows of no coroutines, in a thread of its own."""

    def __init__(self, bench: Bench):
        self._bench = bench

    def read(self, offset: int) -> int:
        value, response = resume(self._bench.read)(offset)
        assert response == 0
        return value

    def write(self, offset: int, value: int) -> None:
        assert resume(self._bench.write)(offset, list(value.to_bytes(4, "little"))) == 0


def _values(beat: Any) -> list[int]:
    return [int(beat.tdata), int(beat.tlast), int(beat.tuser)]


async def _play(bench: Bench, steps: list[list]) -> list[Any]:
    found = []
    for name, *arguments in [["reset", 4], *steps, ["finish"]]:
        step = getattr(bench, name)(*arguments)
        try:
            found.append(await with_timeout(step, PATIENCE * PERIOD_NS, "ns"))
        except SimTimeoutError:
            counts = {channel: len(beats) for channel, beats in bench.received.items()}
            raise Failure(f"step {len(found)}, {name}{arguments}: stuck; came: {counts}") from None
        if bench.broken:
            raise Failure(f"step {len(found)}, {name}: {bench.broken}")
    return found[1:-1]


async def play(dut: Any, spec: dict) -> dict:
    """Take the steps; a failure is part of the outcome."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)
    unit = spec["unit"]
    getattr(dut, f"{unit}_aresetn").value = 0
    clock = getattr(dut, f"{unit}_aclk")
    bench = Bench(dut, unit, spec["seed"], spec["stall"])
    cocotb.start_soon(Clock(clock, PERIOD_NS, "ns").start())
    cocotb.start_soon(bench.watch())
    failure, results = None, []
    try:
        results = await _play(bench, spec["steps"])
    except Failure as error:
        failure = str(error)
    found = {"results": results, "received": bench.received, "ends": bench.ends}
    return {"failure": failure, **found}
