import random
from collections import deque

import pytest
from amaranth.back import rtlil
from amaranth.sim import Simulator

from hw.link.results import LATENCY, ResultQueue
from hw.stream.fifo import MemoryKind
from protocol.messages import DeviceInfo

FRAMES = 40


def info(classes: int) -> DeviceInfo:
    return DeviceInfo(4, 4, 3, classes, 100_000_000, b"12345678", chunk=128, streams=0)


class Model:
    """Plays frames into a queue, takes their sums when they are complete, and checks all of it."""

    def __init__(
        self,
        classes: int,
        seed: int,
        begin: float,
        enter: float,
        leave: float,
        memory: MemoryKind = "lut",
    ):
        self.queue = ResultQueue(info(classes), memory)
        self.rng = random.Random(seed)
        self.classes, self.chances = classes, (begin, enter, leave)
        self.starts: deque[int] = deque()
        self.complete: deque[tuple[list[int], int]] = deque()
        self.entering: list[int] = []
        self.most_complete = self.began = self.left = self.taken = 0

    def draw(self, which: int) -> bool:
        return self.rng.random() < self.chances[which]

    async def play(self, ctx) -> None:
        queue, now, offered = self.queue, 0, None
        while self.left < FRAMES:
            in_flight = self.began - self.left
            begins = self.began < FRAMES and in_flight < info(self.classes).frames and self.draw(0)
            due = self.starts and now - self.starts[0] >= LATENCY
            if offered is None and due and self.draw(1):
                offered = self.rng.randrange(-(2**31), 2**31)
            ctx.set(queue.i_began, begins)
            ctx.set(queue.i.valid, offered is not None)
            ctx.set(queue.i.payload, [offered or 0])
            takes = bool(ctx.get(queue.o_complete)) and self.draw(2)
            ctx.set(queue.o.ready, takes)
            if ctx.get(queue.i.valid & queue.i.ready):
                self.enter(offered, now)
                offered = None
            if takes and ctx.get(queue.o.valid):
                self.take(ctx.get(queue.o.payload), ctx.get(queue.o_cycles))
            if begins:
                self.began += 1
                self.starts.append(now)
            await ctx.tick()
            now += 1
            assert now < 20_000, "stuck"
        assert not ctx.get(queue.o_complete)
        assert not ctx.get(queue.o.valid)

    def enter(self, value: int, now: int) -> None:
        self.entering.append(value % 2**32)
        if len(self.entering) == self.classes:
            self.complete.append((self.entering, now - self.starts.popleft()))
            self.entering = []
            self.most_complete = max(self.most_complete, len(self.complete))

    def take(self, value: int, cycles: int) -> None:
        sums, expected = self.complete[0]
        assert value == sums[self.taken]
        assert cycles == expected
        self.taken += 1
        if self.taken == self.classes:
            self.complete.popleft()
            self.left, self.taken = self.left + 1, 0


@pytest.mark.parametrize("classes", [1, 2, 3, 10])
@pytest.mark.parametrize(
    "chances", [(0.3, 0.5, 0.5), (0.9, 0.9, 0.05), (0.05, 0.9, 0.9), (1, 1, 1)]
)
def test_sums_leave_with_the_cycles_of_their_frame(classes, chances):
    model = Model(classes, seed=classes, begin=chances[0], enter=chances[1], leave=chances[2])
    simulate(model)
    if classes == 1 and chances[2] < 0.1:
        assert model.most_complete == 3


@pytest.mark.parametrize("memory", ["block", "lut"])
def test_class_sums_wait_in_the_memory_that_is_asked_for(memory):
    model = Model(10, seed=1, begin=0.5, enter=0.9, leave=0.3, memory=memory)
    simulate(model)
    assert ('ram_style "block"' in rtlil.convert(model.queue)) == (memory == "block")


def simulate(model):
    simulator = Simulator(model.queue)
    simulator.add_clock(1e-8)
    simulator.add_testbench(model.play)
    simulator.run()
