"""A shell whose accelerator's contents can be updated, and the models of both."""

import random

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.link.contents import ContentsConfig
from hw.link.shell import Shell
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.model import ContentsModel, Write
from protocol.device import Device
from protocol.messages import DeviceInfo
from protocol.packets import Form, Packet
from tests.hw.link.test_shell import packets
from tests.protocol.contents.updates import Updater

KEY = random.Random(5).randbytes(16)
CHECKS = [3, 1 << 63]
ROWS = 64
INFO = DeviceInfo(
    6, 5, 3, 150, 50_000_000, b"1network", 32, credits=4, frames=4, streams=3, coded=True,
    structure=b"formwork", memories=2, keyed=True, counter=7,
)  # fmt: skip


class Scales(wiring.Component):
    """Stands in for an accelerator: each pixel times a weight of its own is summed.

    Weights are the lower 8 bits of the sum of two memories' words for row ``pixel % ROWS``, so that
    sums tell of any mixture of contents. Sum ``k`` is that of all plus ``k``. As long as a frame is
    inside, nothing may be written: what comes then spoils all sums.
    """

    def __init__(self, pixels: int, classes: int):
        self._pixels, self._classes = pixels, classes
        super().__init__(
            {
                "i": In(lane_stream(1, unsigned(8))),
                "o": Out(lane_stream(1, signed(32))),
                "o_stalled": Out(3),
                "i_load": In(LOAD),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count, total = Signal(range(self._pixels + 1)), Signal(24)
        index, spoils = Signal(range(max(self._classes, 2))), Signal(reset_less=True)
        full, load = count == self._pixels, self.i_load
        words = []
        for number in range(2):
            store = memory.Memory(shape=8, depth=ROWS, init=[])
            m.submodules[f"store{number}"] = store
            read, write = store.read_port(domain="comb"), store.write_port()
            mine = load.enable & (load.memory == number) & (load.column == 0)
            m.d.comb += [
                read.addr.eq(count),
                write.addr.eq(load.row),
                write.data.eq(load.word),
                write.en.eq(mine & (load.row < ROWS)),
            ]
            words.append(read.data)
        weight = (words[0] + words[1])[:8]
        with m.If(load.enable & (count != 0)):
            m.d.sync += spoils.eq(1)
        m.d.comb += [
            self.o_stalled.eq(Cat(Const(0, 1), Const(1, 1), self.o.valid & ~self.o.ready)),
            self.i.ready.eq(~full),
            self.o.valid.eq(full),
            self.o.payload[0].eq(Mux(spoils, -1, total + index)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [count.eq(count + 1), total.eq(total + self.i.payload[0] * weight)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += index.eq(index + 1)
            with m.If(index == self._classes - 1):
                m.d.sync += [index.eq(0), count.eq(0), total.eq(0)]
        return m


class ScalesModel:
    """The same in integers."""

    def __init__(self) -> None:
        self.stores = np.zeros((2, ROWS), dtype=np.int64)

    def classify(self, pixels: np.ndarray) -> np.ndarray:
        weights = self.stores.sum(axis=0) % 256
        flat = pixels.ravel().astype(np.int64)
        total = (flat * weights[np.arange(flat.size) % ROWS]).sum() % (1 << 24)
        return total + np.arange(INFO.classes)

    def load(self, write: Write) -> None:
        if write.column == 0 and write.row < ROWS:
            self.stores[write.memory, write.row] = write.word % 256


def make_shell(info: DeviceInfo, key: bytes | None = KEY) -> Shell:
    accelerator = Scales(info.frame_bytes, info.classes)
    return Shell(info, accelerator, "lut", contents=ContentsConfig(CHECKS, key))


def make_device() -> Device:
    scales = ScalesModel()
    return Device(INFO, scales.classify, ContentsModel(INFO, CHECKS, KEY), scales.load)


def make_pixels(rng: random.Random) -> np.ndarray:
    data = np.frombuffer(rng.randbytes(INFO.frame_bytes), dtype=np.uint8)
    return data.reshape(INFO.shape)


def update_frames(
    rng: random.Random, counter: int, digest: bytes, checks=CHECKS, key: bytes = KEY
) -> list[bytes]:
    """An update in three frames of contents: to begin with, to go on with, and to end with."""
    updater = Updater(INFO, checks, key, counter)
    first, blocks = updater.begin(), []
    for number in range(2):
        row = 0
        while row < ROWS:
            count = min(rng.randint(1, 40), ROWS - row)
            words = [rng.getrandbits(16) for _ in range(count)]
            blocks.append(updater.rows(number, 0, row, words, rng.choice([2, 3, 5])))
            row += count
    middle = len(blocks) // 2
    parts = [first, *(b"".join(part) for part in (blocks[:middle], blocks[middle:]))]
    return [parts[0] + parts[1], parts[2], updater.commit(digest)]


def contents(data: bytes, sequence: int) -> list[Packet]:
    return packets(data, sequence, Form.CONTENTS)
