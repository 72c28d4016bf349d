from hw.axi.register_file import RegisterFile
from protocol.registers import BY_NAME, CoreInfo
from tests.harness.cycles import run

STATUS = BY_NAME["INTERRUPT_STATUS"].address
ENABLE = BY_NAME["INTERRUPT_ENABLE"].address
CYCLES = 30
WRITE_AT = 12


def irq(events):
    """The interrupt, cycle by cycle: enabled at first, cleared by a write, raised in ``events``."""
    unit = RegisterFile(CoreInfo(4, 4, 3, 5, 6, 8, 1, bytes(8)))
    bus = unit.bus

    def inputs():
        yield [(bus.bready, 1)]
        for cycle in range(1, CYCLES):
            writes = cycle in (1, WRITE_AT)
            place = ENABLE if cycle < WRITE_AT else STATUS
            yield [
                (bus.awvalid, writes),
                (bus.wvalid, writes),
                (bus.awaddr, place),
                (bus.wdata, 1),
                (bus.wstrb, 15),
                (unit.i_done, cycle in events),
            ]

    return [value for [value] in run(unit, inputs(), [unit.o_irq])]


def test_what_happens_as_the_interrupt_is_cleared_is_not_lost():
    before = irq({6})
    assert before[WRITE_AT] == 1
    falls = before.index(0, WRITE_AT)
    assert before[falls:] == [0] * (CYCLES - falls)
    # The status falls a cycle in front of the interrupt, by what happens in the cycle before that.
    cleared = falls - 2
    assert irq({6, cleared - 1})[-1] == 0
    assert irq({6, cleared})[-1] == 1
    assert irq({6, cleared + 1})[-1] == 1
