"""The generic cocotb bench: plays frames into a component's streams and checks what comes out.

Runs inside the simulator, for :mod:`tests.harness.stream_bench`.
"""

import random
from collections.abc import Callable
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from tests.harness.packing import Packing

PERIOD_NS = 10
DRAIN_CYCLES = 64
"""Cycles watched after the last expected transfer, in which nothing may move."""


class Failure(Exception):
    """The component broke its contract."""


def reader(wire: Any) -> Callable[[], str]:
    """What reads the bits of a wire.

    Those of ``wire.value`` are an array of objects first, which took most of the time of all runs.
    """
    return wire._handle.get_signal_val_binstr


class Port:
    """One stream: its wires, the transfers that it must carry and those seen so far."""

    def __init__(self, dut: Any, name: str, entry: dict):
        self.name = name
        self.packing = Packing(**entry["packing"])
        self.words = [word for frame in entry["frames"] for word in frame]
        width = self.packing.lanes * self.packing.width
        self._texts = [f"{word:0{width}b}" for word in self.words]
        self.frame_lengths = [len(frame) for frame in entry["frames"]]
        self.stall = entry["stall"]
        *path, member = entry["path"].split(".")
        scope = dut
        for part in path:
            scope = getattr(scope, part)
        self.valid_wire = getattr(scope, f"{member}__valid")
        self.ready_wire = getattr(scope, f"{member}__ready")
        self.payload_wire = getattr(scope, f"{member}__payload")
        self._read_valid = reader(self.valid_wire)
        self._read_ready = reader(self.ready_wire)
        self._read_payload = reader(self.payload_wire)
        self.stamps: list[int] = []
        self.valid = self.ready = False
        self.payload: str | None = None
        """Its bits, as they are read."""

    @property
    def done(self) -> bool:
        return len(self.stamps) >= len(self.words)

    def sample(self, cycle: int) -> bool:
        """Look at the settled wires, check the hold rule; true if a transfer happens."""
        held = None if self.ready else self.payload
        self.valid = self._read_valid() == "1"
        self.ready = self.valid and self._read_ready() == "1"
        self.payload = self._read_payload() if self.valid else None
        if held is not None and self.payload != held:
            now = "valid was dropped" if self.payload is None else self.show(self.payload)
            raise Failure(
                f"{self.name}: hold rule broken at cycle {cycle}, {self.place()}: "
                f"{self.show(held)} was not taken yet, then {now}"
            )
        if self.ready:
            self.check(cycle)
            self.stamps.append(cycle)
        return self.ready

    def check(self, cycle: int) -> None:
        if self.done:
            raise Failure(
                f"{self.name}: transfer {len(self.stamps)} at cycle {cycle}, but only "
                f"{len(self.words)} were expected; got {self.show(self.payload)}"
            )
        expected = self._texts[len(self.stamps)]
        if self.payload != expected:
            raise Failure(
                f"{self.name}: {self.place()} at cycle {cycle}: "
                f"expected {self.show(expected)}, got {self.show(self.payload)}"
            )

    def place(self) -> str:
        """The next transfer, for people."""
        index = len(self.stamps)
        inside = index
        for frame, length in enumerate(self.frame_lengths):
            if inside < length:
                return f"transfer {index} (frame {frame}, its transfer {inside})"
            inside -= length
        return f"transfer {index} (past the last frame)"

    def show(self, text: str) -> str:
        values = self.packing.unpack(int(text, 2))
        return str(values[0] if len(values) == 1 else values)

    def state(self) -> str:
        """Progress and handshake, for a time-out."""
        text = f"{self.name}: {len(self.stamps)} of {len(self.words)} transfers"
        if self.valid and not self.ready:
            return text + ", STALLED (valid without ready)"
        if not self.valid and not self.done:
            return text + ", STARVED (no valid)"
        return text


class Source(Port):
    """Drives a component's input; once valid, a transfer is held until it is taken."""

    def __init__(self, dut: Any, name: str, entry: dict):
        super().__init__(dut, name, entry)
        self.offered: int | None = None
        self.driven = 0

    def drive(self, rng: random.Random) -> None:
        index = len(self.stamps)
        if self.offered == index:
            return
        self.offered = None if self.done or rng.random() < self.stall else index
        valid = int(self.offered is not None)
        if valid != self.driven:
            self.valid_wire.value = self.driven = valid
        if self.offered is not None:
            self.payload_wire.value = self.words[index]


class Sink(Port):
    """Drives ``ready`` of a component's output; for some transfers, only once ``valid`` is seen."""

    def __init__(self, dut: Any, name: str, entry: dict):
        super().__init__(dut, name, entry)
        self.driven = 0
        self.waits = False
        self.decided = -1

    def drive(self, rng: random.Random) -> None:
        if self.decided != len(self.stamps):
            self.decided = len(self.stamps)
            self.waits = bool(self.stall) and rng.random() < 0.25
        offered = self.valid and not self.ready
        ready = int(rng.random() >= self.stall and (offered or not self.waits))
        if ready != self.driven:
            self.ready_wire.value = self.driven = ready


async def reset(clock: Any, wire: Any, sources: list[Source], sinks: list[Sink]) -> None:
    for source in sources:
        source.valid_wire.value = 0
        source.payload_wire.value = 0
    for sink in sinks:
        sink.ready_wire.value = 0
    wire.value = 1
    await FallingEdge(clock)
    await FallingEdge(clock)
    wire.value = 0


async def _play(dut: Any, spec: dict, ports: dict[str, list[Any]]) -> None:
    """Run until every stream has carried its transfers, then watch that nothing follows."""
    sources, sinks, monitors = ports["inputs"], ports["outputs"], ports["monitors"]
    clock = getattr(dut, f"{spec['unit']}_clk")
    cocotb.start_soon(Clock(clock, PERIOD_NS, "ns", impl="gpi").start())
    await reset(clock, getattr(dut, f"{spec['unit']}_rst"), sources, sinks)
    rng = random.Random(spec["seed"])
    driven, everything = [*sources, *sinks], [*monitors, *sources, *sinks]
    fallen, settled = FallingEdge(clock), ReadOnly()
    cycle, moved, left = 0, 0, DRAIN_CYCLES
    done = all(port.done for port in everything)
    while left:
        await fallen
        for port in driven:
            port.drive(rng)
        await settled
        for port in everything:
            if port.sample(cycle):
                moved = cycle
        if moved == cycle:
            done = all(port.done for port in everything)
        if done:
            left -= 1
        elif cycle - moved > spec["patience"]:
            states = "; ".join(port.state() for port in everything)
            raise Failure(f"time-out: nothing moved for {spec['patience']} cycles; {states}")
        cycle += 1


async def play(dut: Any, spec: dict) -> dict:
    """Play the frames; a failure is part of the outcome."""
    kinds = {"inputs": Source, "outputs": Sink, "monitors": Port}
    ports = {
        key: [kind(dut, name, entry) for name, entry in spec[key].items()]
        for key, kind in kinds.items()
    }
    failure = None
    try:
        await _play(dut, spec, ports)
    except Failure as error:
        failure = str(error)
    stamps = {port.name: port.stamps for group in ports.values() for port in group}
    return {"failure": failure, "stamps": stamps}
