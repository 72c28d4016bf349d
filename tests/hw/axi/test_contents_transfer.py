"""A transfer, cycle by cycle: when it opens, and whose answer it takes."""

from hw.axi.updates import ContentsTransfer
from protocol.contents.blocks import Status
from tests.harness.cycles import run

CLEAR = 16
"""Cycles of a soft reset."""


def test_a_transfer_that_begins_amid_a_soft_reset_opens_behind_it():
    unit = ContentsTransfer()
    bus = unit.bus

    def inputs():
        yield [(unit.i_drained, 1), (bus.length, 9)]
        for cycle in range(1, 2 * CLEAR):
            yield [(unit.i_clear, cycle <= CLEAR), (bus.begin, cycle == 6)]

    found = run(unit, inputs(), [bus.busy, bus.ready])
    assert [busy for busy, _ in found] == [0] * 7 + [1] * (2 * CLEAR - 7)
    # What takes the bytes is in reset for a cycle longer.
    assert [ready for _, ready in found].index(1) == CLEAR + 3


def test_the_answer_to_a_transfer_that_is_forgotten_is_nobodys():
    begins, answers = (2, 10), (10, 11, 20)
    unit = ContentsTransfer()
    bus = unit.bus

    def inputs():
        yield [(unit.i_drained, 1), (bus.length, 1), (bus.push, 1), (unit.o.ready, 1)]
        yield [(unit.i_status.payload[0], Status.ORDER)]
        for cycle in range(2, 30):
            yield [(bus.begin, cycle in begins), (unit.i_status.valid, cycle in answers)]

    found = run(unit, inputs(), [bus.busy, bus.done, bus.status, unit.o_restart])
    assert [busy for busy, *_ in found] == [0] * 3 + [1] * 18 + [0] * 9
    assert [done for _, done, *_ in found] == [0] * 21 + [1] * 9
    assert found[-1][2] == Status.ORDER
    assert [at for at, row in enumerate(found) if row[3]] == [*begins]
