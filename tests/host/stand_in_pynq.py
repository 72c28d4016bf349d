"""A stand-in for PYNQ with an overlay that holds an IP core, in plain Python.

It has what the driver uses of PYNQ 3.1, under the same names: ``Overlay``, ``allocate``, an AXI DMA
with both channels, and a core by ``protocol/registers.py`` whose class sums are the golden model's.
It is stricter where hardware would hang or crash: an access to an address without a register, a
wait for what is not over, and a DMA that touches freed memory fail the test.
"""

import importlib.machinery
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gen.ir.network import QuantizedNetwork
from protocol.registers import REGISTERS, CoreInfo
from sim import golden
from tests.hw.axi.cores import Beats, beats, core_info, taken

LENGTH_BITS = 23
"""As in the block design."""
DEPTH = 2
"""Frames that the core takes before the first of them is answered."""
PLACE_BITS = 16
"""Of an address in a buffer."""
LATENCY = 12
"""Looks at the DMA from a frame's turn until its answer."""


class Buffer(np.ndarray):
    """What ``allocate`` gives: the processor's cache, and ``memory``, which the DMA sees."""

    memory: np.ndarray
    freed: bool
    physical_address: int

    def flush(self) -> None:
        self.memory[:] = np.asarray(self).view(np.uint8).ravel()

    def invalidate(self) -> None:
        np.asarray(self).view(np.uint8).ravel()[:] = self.memory

    def freebuffer(self) -> None:
        self.freed = True


class Memory:
    """Buffers by address; no more than ``limit`` at once."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.limit = 20

    def allocate(self, shape: Any, dtype: Any = "u4", target: Any = None) -> Buffer:
        if sum(not one.freed for one in self.buffers) == self.limit:
            raise RuntimeError("BO allocation failed: no memory")
        made = np.full(shape, 85, dtype).view(Buffer)
        made.memory = np.full(made.nbytes, 170, np.uint8)
        made.freed = False
        made.physical_address = len(self.buffers) << PLACE_BITS
        self.buffers.append(made)
        return made

    def at(self, address: int) -> np.ndarray:
        buffer = self.buffers[address >> PLACE_BITS]
        assert not buffer.freed, "the DMA reaches for memory that was given back"
        return buffer.memory[address & (1 << PLACE_BITS) - 1 :]


class Core:
    """The core's registers and streams.

    Attributes
    ----------
    values : dict
        What registers read as, by address.
    answers : deque of bytes
        What it gives out; the first of them has begun.
    frames : list of Beats
        All that it was sent.
    held : int
        The most frames it had at once.
    silent : bool
        It gives no answers.
    deaf : bool
        It takes no pixels.
    cut : int or None
        Bytes of an answer that it ends with.
    spoil : callable
        Changes the beats of a frame on their way.
    """

    def __init__(self, network: QuantizedNetwork, beat_bits: int):
        self.network = network
        self.info: CoreInfo = core_info(network, beat_bits)
        self.values = {one.address: self.info.reset_value(one) for one in REGISTERS}
        self._places = {one.name: one for one in REGISTERS}
        self.answers: deque[bytes] = deque()
        self._pending: deque[bytes] = deque()
        self._age = self._taken = 0
        self._beats: Beats = []
        """Since the last reset, and how many frames they amounted to."""
        self.stalls = list(range(10, 10 + self.info.layers))
        self.frames: list[Beats] = []
        self.held = 0
        self.silent = self.deaf = self._stale = False
        self.cut: int | None = None
        self.spoil: Callable[[Beats], Beats] = list

    def _count(self, name: str, by: int = 1) -> None:
        self.values[self._places[name].address] += by

    def read(self, offset: int = 0) -> int:
        assert offset in self.values, f"a bus error at {offset:#x}"
        if offset == self._places["STALL_COUNT"].address:
            return self.stalls[self.values[self._places["STALL_INDEX"].address]]
        return self.values[offset]

    def write(self, offset: int, value: int) -> None:
        (register,) = (one for one in REGISTERS if one.address == offset)
        assert register.writable, f"a bus error at {offset:#x}"
        assert type(value) is int, "PYNQ takes int or bytes alone"
        if register.name == "CONTROL":
            self._soft_reset()
        else:
            self.values[offset] = value

    def _soft_reset(self) -> None:
        for name in ("ACCEPTED", "ANSWERED", "MALFORMED", "LAST_ERROR"):
            self.values[self._places[name].address] = 0
        self._pending.clear()
        self._beats, self._taken, self._age = [], 0, 0
        if self.answers:
            self.answers = deque([bytes(len(self.answers[0]))])  # it has begun, and comes to an end
            self._stale = True

    @property
    def takes(self) -> bool:
        """Whether it has room for a frame."""
        return not self.deaf and len(self._pending) + len(self.answers) < DEPTH

    def offer(self, data: bytes) -> None:
        """Take all beats of a transfer."""
        sent = self.spoil(beats(data, self.info.beat_bits))
        self.frames.append(sent)
        self._beats += sent
        frames = taken(self._beats, self.info)
        for frame in frames[self._taken :]:
            pixels = np.frombuffer(frame.data, np.uint8).reshape(self.network.input.shape)
            sums = golden.class_sums(self.network, pixels[None])[0]
            self._pending.append(sums.astype("<i4").tobytes())
            self._count("ACCEPTED")
            if frame.error:
                self._count("MALFORMED")
                self.values[self._places["LAST_ERROR"].address] = frame.error
        self._taken = len(frames)
        self.held = max(self.held, len(self._pending) + len(self.answers))

    def work(self) -> None:
        """Begin an answer, if there is one to give."""
        if self._pending and not self.answers and not self.silent:
            self._age += 1
            if self._age > LATENCY:
                self.answers.append(self._pending.popleft())
                self._age = 0

    def answer(self) -> bytes:
        """All of an answer, which has been taken then; what a reset cut short does not count."""
        answer = self.answers.popleft()
        if not self._stale:
            self._count("ANSWERED")
            best = int(np.frombuffer(answer, "<i4").argmax())
            self.values[self._places["TOP1"].address] = best
        self._stale = False
        return answer[: self.cut]


class Dma:
    """An AXI DMA's registers, and what happens behind them at each look at a status.

    Attributes
    ----------
    looks : int
        How many it takes until a transfer is over.
    faults : dict of int
        Bits of error by channel's offset, that the next transfer ends with.
    watch : callable
        Called at each access, by either side.
    stuck : bool
        It does not come out of a reset.
    """

    def __init__(self, memory: Memory, core: Core, channel: Callable[["Dma", int], Any]):
        self.memory, self.core = memory, core
        self.buffer_max_size = (1 << LENGTH_BITS) - 1
        self.looks, self.scatter_gather, self.stuck = 2, False, False
        self.faults: dict[int, int] = {}
        self.watch: Callable[[], object] = lambda: None
        self._reset()
        self.sendchannel, self.recvchannel = channel(self, 0x00), channel(self, 0x30)

    def _reset(self) -> None:
        self.running = {0x00: False, 0x30: False}
        self.idle = {0x00: False, 0x30: False}
        self.errors = {0x00: 0, 0x30: 0}
        self.transfers: dict[int, int] = {}
        """Looks that a channel's transfer still takes."""
        self.address, self.length = {0x00: 0, 0x30: 0}, {0x00: 0, 0x30: 0}

    def read(self, offset: int = 0) -> int:
        self.watch()
        channel, place = offset // 0x30 * 0x30, offset % 0x30
        if place == 0x00:
            return self.running[channel] | self.stuck << 2
        if place == 0x28:
            return self.length[channel]
        assert place == 0x04
        self._work()
        status = (not self.running[channel]) | self.idle[channel] << 1
        return status | self.scatter_gather << 3 | self.errors[channel]

    def write(self, offset: int, value: int) -> None:
        self.watch()
        channel, place = offset // 0x30 * 0x30, offset % 0x30
        if place == 0x00:
            if value & 4:
                self._reset()
            else:
                self.running[channel] = bool(value & 1)
        elif place == 0x18:
            self.address[channel] = value
        elif place == 0x1C:
            assert value == 0, "a Zynq has addresses of 32 bits"
        elif place == 0x28 and self.running[channel]:
            self.length[channel] = value
            self.idle[channel], self.transfers[channel] = False, self.looks
        self.watch()

    def _work(self) -> None:
        self.core.work()
        for channel in list(self.transfers):
            ready = self.core.answers if channel else self.core.takes
            self.transfers[channel] -= bool(ready)
            if self.transfers[channel] < 0:
                del self.transfers[channel]
                self._end(channel)

    def _end(self, channel: int) -> None:
        fault = self.faults.pop(channel, 0)
        if not fault and channel:
            fault = self._receive()
        elif not fault:
            self.core.offer(bytes(self.memory.at(self.address[0x00])[: self.length[0x00]]))
        self.errors[channel] = fault
        self.running[channel], self.idle[channel] = not fault, not fault

    def _receive(self) -> int:
        """Write an answer to memory; bits of error."""
        answer, memory = self.core.answer(), self.memory.at(self.address[0x30])
        fits = len(answer) <= self.length[0x30]
        part = answer[: self.length[0x30]]
        memory[: len(part)] = np.frombuffer(part, np.uint8)
        self.length[0x30] = len(part)
        return 0 if fits else 1 << 4


class Channel:
    """One channel, as PYNQ has it for a DMA without scatter-gather."""

    def __init__(self, dma: Dma, offset: int):
        self._dma, self._offset = dma, offset
        self._active: Buffer = None
        self.transferred = 0
        self.start()

    def _status(self) -> int:
        return self._dma.read(self._offset + 0x04)

    @property
    def running(self) -> bool:
        return not self._status() & 1

    @property
    def idle(self) -> bool:
        return bool(self._status() & 2)

    @property
    def error(self) -> bool:
        return bool(self._status() & 0x70)

    def start(self) -> None:
        self._dma.write(self._offset, 1)
        assert self.running, "PYNQ would hang"
        self._first = True

    def transfer(self, array: Buffer, start: int = 0, nbytes: int = 0) -> None:
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if not self.idle and not self._first:
            raise RuntimeError("DMA channel not idle")
        size = nbytes or array.nbytes - start
        if size > self._dma.buffer_max_size:
            raise ValueError(f"Transfer size is {size} bytes, which exceeds the maximum")
        if not self._offset:
            array.flush()
        self.transferred = 0
        self._dma.write(self._offset + 0x18, array.physical_address + start)
        self._dma.write(self._offset + 0x1C, 0)
        self._dma.write(self._offset + 0x28, size)
        self._active, self._first = array, False

    def wait(self) -> None:
        if not self.running:
            raise RuntimeError("DMA channel not started")
        assert self.idle, "PYNQ would hang"
        if self._offset:
            self._active.invalidate()
        self.transferred = self._dma.read(self._offset + 0x28)
        self._active = None


class StandIn:
    """PYNQ, and a board that it runs on.

    Parameters
    ----------
    network : QuantizedNetwork
        What the core of its overlay holds.
    beat_bits : int
    channel : callable
        Makes a channel of a DMA, from its offset on.

    Attributes
    ----------
    instances : dict
        IPs of the overlay's block design, by name.
    refusal : Exception or None
        What loading an overlay ends with.
    loaded : list of str
        Overlays, by their files.
    """

    def __init__(
        self,
        network: QuantizedNetwork,
        beat_bits: int = 32,
        channel: Callable[[Dma, int], Any] = Channel,
    ):
        self.memory, self.core = Memory(), Core(network, beat_bits)
        self.dma = Dma(self.memory, self.core, channel)
        self.instances: dict[str, Any] = {"core": self.core, "dma": self.dma}
        self.refusal: Exception | None = None
        self.loaded: list[str] = []

    def module(self) -> types.ModuleType:
        """What ``import pynq`` gives."""
        made = types.ModuleType("pynq")
        made.__spec__ = importlib.machinery.ModuleSpec("pynq", None)
        made.Overlay = self._overlay  # type: ignore[attr-defined]
        made.allocate = self.memory.allocate  # type: ignore[attr-defined]
        return made

    def _overlay(self, bitfile_name: str, download: bool = True) -> "Overlay":
        if not isinstance(bitfile_name, str):
            raise TypeError("Bitstream name has to be a string.")
        if not Path(bitfile_name).is_file():
            raise OSError(f"Bitstream file {bitfile_name} does not exist.")
        if self.refusal is not None:
            raise self.refusal
        if download:
            self.loaded.append(bitfile_name)
        return Overlay(self.instances)

    @property
    def gave_all_back(self) -> bool:
        """Whether no memory is held, and the DMA writes to none."""
        return all(one.freed for one in self.memory.buffers) and not self.dma.transfers


class Overlay:
    """Has an attribute for each IP."""

    def __init__(self, instances: dict[str, Any]):
        self._instances = instances

    def __getattr__(self, key: str) -> Any:
        if key not in self._instances:
            raise AttributeError(f"Could not find IP or hierarchy {key} in overlay")
        return self._instances[key]
