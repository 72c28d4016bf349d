"""The core on its buses: whole frames, faults of frames, registers, interrupts, resets."""

import numpy as np
import pytest

from protocol.registers import BEAT_BITS, REGISTERS, FrameError
from tests.harness.shared import shared_folder
from tests.hw.axi.cores import DECERR, OKAY, SLVERR, CoreBench, address, beats, small_plan, taken
from tests.networks import random_frames

STALLS = [0.0, 0.4]
DONE, ERROR = 1, 2
"""Bits of interrupts."""


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    built = shared_folder(tmp_path_factory, "cores_of_all_widths")
    return CoreBench.of_all_widths(built, tmp_path_factory.mktemp("cores"))


def read(name):
    return ["read", address(name)]


def write(name, value):
    return ["write", address(name), list(value.to_bytes(4, "little"))]


def values(outcome, steps):
    """What the reads among some steps gave; all must have ended well."""
    found = [
        result for step, result in zip(steps, outcome.results, strict=True) if step[0] == "read"
    ]
    assert {response for _, response in found} == {OKAY}
    return [value for value, _ in found]


@pytest.mark.parametrize("bits", BEAT_BITS)
@pytest.mark.parametrize("stall", STALLS)
def test_frames_are_answered_as_by_the_golden_model(cores, bits, stall):
    frames = random_frames(cores.network, 3)
    sent = [beat for frame in frames for beat in beats(frame.tobytes(), bits, user=bool(stall))]
    sums, best = cores.answers(frames)
    steps = [["send", sent], ["receive", "m_axis", len(sums)]]
    outcome = cores.run(bits, steps, stall=stall, seed=bits)
    assert outcome.sums == sums
    assert outcome.best == best


@pytest.mark.parametrize("bits", BEAT_BITS)
def test_frames_back_to_back_take_as_long_as_planned(cores, bits):
    frames = random_frames(cores.network, 6)
    sent = [beat for frame in frames for beat in beats(frame.tobytes(), bits)]
    steps = [["send", sent], ["receive", "m_axis", 3 * len(frames)]]
    ends = cores.run(bits, steps).ends
    assert ends[-1] - ends[-2] == small_plan(cores.network).cycles


def faulty(frames, bits):
    """Beats of frames with all that can be wrong with them, a right one behind each."""
    good = [frame.tobytes() for frame in frames]
    size = bits // 8
    cut = good[0][: 7 * size]
    first, *rest = beats(good[7], bits)
    return [
        *beats(cut, bits),  # TLAST too early
        *beats(good[1], bits),
        *beats(good[2], bits, last=False),  # none, and TUSER behind it
        *beats(good[3], bits, user=True),
        *beats(good[4] + cut, bits),  # too late
        *beats(good[5], bits),
        *beats(cut, bits, last=False, user=True),  # TUSER amid a frame
        *beats(good[6], bits, user=True),
        *beats(cut[:size], bits),  # a single beat, the first
        [first[0], 0, 1],
        *rest[:-1],
        [rest[-1][0], 0, 0],  # none, and pixels behind it
        *beats(cut, bits),
        *beats(good[8], bits),
    ]


@pytest.mark.parametrize("bits", BEAT_BITS)
@pytest.mark.parametrize("stall", STALLS)
def test_malformed_frames_are_marked_and_do_no_harm_to_others(cores, bits, stall):
    sent = faulty(random_frames(cores.network, 9), bits)
    frames = taken(sent, cores.info(bits))
    errors = [frame.error for frame in frames]
    assert errors == [
        FrameError.SHORT,
        FrameError.NONE,
        FrameError.LONG,
        FrameError.NONE,
        FrameError.LONG,
        FrameError.NONE,
        FrameError.RESTARTED,
        FrameError.NONE,
        FrameError.SHORT,
        FrameError.LONG,
        FrameError.NONE,
    ]
    pixels = np.array([np.frombuffer(frame.data, np.uint8) for frame in frames])
    pixels = pixels.reshape(len(frames), *cores.network.input.shape)
    sums, best = cores.answers(pixels, [error != FrameError.NONE for error in errors])
    steps = [
        ["send", sent],
        ["receive", "m_axis", len(sums)],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED", "LAST_ERROR", "TOP1")),
    ]
    outcome = cores.run(bits, steps, stall=stall, seed=bits)
    assert outcome.sums == sums
    assert outcome.best == best
    wrong = sum(error != FrameError.NONE for error in errors)
    assert values(outcome, steps) == [
        len(frames),
        len(frames),
        wrong,
        FrameError.LONG,
        best[-1][0] & 0xFFFF,
    ]


def test_frames_that_ended_wrongly_at_the_end_are_told_of(cores):
    frame = random_frames(cores.network, 1)[0].tobytes()
    for sent, error in (
        (beats(frame[:-8], 32), FrameError.SHORT),
        (beats(frame, 32, last=False), FrameError.LONG),
        ([*beats(frame[:-8], 32, last=False), [0, 0, 1]], FrameError.RESTARTED),
    ):
        steps = [["send", sent], ["receive", "m_axis", 3], *map(read, ("LAST_ERROR", "TOP1"))]
        kind, top = values(cores.run(32, steps), steps)
        assert (kind, top >> 31) == (error, 1)


@pytest.mark.parametrize("stall", STALLS)
def test_every_register_is_read(cores, stall):
    info = cores.info(24)
    steps = [read(register.name) for register in REGISTERS]
    found = values(cores.run(24, steps, stall=stall), steps)
    assert found == [info.reset_value(register) for register in REGISTERS]
    by_name = {register.name: value for register, value in zip(REGISTERS, found, strict=True)}
    assert by_name["MAGIC"].to_bytes(4, "little") == b"FBRK"
    halves = (by_name[name].to_bytes(4, "little") for name in ("DIGEST_LOW", "DIGEST_HIGH"))
    assert b"".join(halves) == cores.network.digest
    height, width, channels = cores.network.input.shape
    assert by_name["INPUT_SIZE"] == height | width << 16
    assert by_name["INPUT_FORM"] == channels | 24 << 16


def written(register):
    """What a register reads as when all ones have been written to it."""
    return sum(field.mask for field in register.fields if field.access == "rw")


@pytest.mark.parametrize("stall", STALLS)
def test_every_register_is_written(cores, stall):
    info, steps, expected = cores.info(8), [], []
    for register in REGISTERS:
        steps += [write(register.name, 0xFFFF_FFFF), read(register.name)]
        value = written(register) if register.writable else info.reset_value(register)
        expected += [OKAY if register.writable else SLVERR, [value, OKAY]]
    outcome = cores.run(8, steps, stall=stall, seed=2)
    assert outcome.results == expected
    assert {register.name for register in REGISTERS if register.writable} == {
        "CONTROL",
        "INTERRUPT_ENABLE",
        "INTERRUPT_STATUS",
        "STALL_INDEX",
    }


def test_only_bytes_with_a_strobe_are_written(cores):
    place = address("STALL_INDEX")
    steps = [
        write("STALL_INDEX", 0x0102_0304),
        read("STALL_INDEX"),
        ["write", place + 1, [0xAB]],
        read("STALL_INDEX"),
        ["write", place, [0xCD]],
        read("STALL_INDEX"),
        ["write", place + 2, [1, 2]],
        read("STALL_INDEX"),
        # Bits of interrupts are in the first byte, that of the soft reset, too.
        write("INTERRUPT_ENABLE", 3),
        ["write", address("INTERRUPT_ENABLE") + 1, [0, 0, 0]],
        read("INTERRUPT_ENABLE"),
    ]
    found = values(cores.run(8, steps), steps)
    assert found == [0x0304, 0xAB04, 0xABCD, 0xABCD, 3]


def test_addresses_without_a_register_are_errors(cores):
    mapped = {register.address for register in REGISTERS}
    free = [place for place in (*range(0, 0x100, 4), 0x400, 0x800, 0xFFC) if place not in mapped]
    steps = [step for place in free for step in (["read", place], ["write", place, [255] * 4])]
    steps += [write("STALL_INDEX", 5), read("STALL_INDEX")]
    outcome = cores.run(8, steps, stall=0.2)
    assert outcome.results == [[0, DECERR], DECERR] * len(free) + [OKAY, [5, OKAY]]


def test_reads_and_writes_go_on_beside_one_another(cores):
    enable, index = address("INTERRUPT_ENABLE"), address("STALL_INDEX")
    steps = [
        step
        for value in range(10)
        for step in (
            ["read_while_writing", address("MAGIC"), index, [value, 0, 0, 0]],
            read("STALL_INDEX"),
            ["read_while_writing", 0x24, enable, [value & 3, 0, 0, 0]],
        )
    ]
    outcome = cores.run(8, steps, stall=0.5, seed=7)
    magic = int.from_bytes(b"FBRK", "little")
    assert outcome.results == [
        result
        for value in range(10)
        for result in ([magic, OKAY, OKAY], [value, OKAY], [0, DECERR, OKAY])
    ]


def test_accesses_wait_for_the_answers_before_them(cores):
    enable, status = address("INTERRUPT_ENABLE"), address("INTERRUPT_STATUS")
    assert status == enable + 4
    info = cores.info(8)
    words = b"".join(info.reset_value(r).to_bytes(4, "little") for r in REGISTERS[:8])
    for seed in range(3):
        steps = [
            ["write", enable, [2, 0, 0, 0, 1, 0, 0, 0]],
            ["write", address("STALL_INDEX"), [seed, 0, 0, 0, 9, 9, 9, 9]],  # the second fails
            ["read", address("MAGIC"), 32],
            ["read", address("STALL_INDEX")],
            ["read", enable],
        ]
        outcome = cores.run(8, steps, stall=0.9, seed=seed)
        assert outcome.results == [
            OKAY,
            SLVERR,
            [int.from_bytes(words, "little"), OKAY],
            [seed, OKAY],
            [2, OKAY],
        ]


def test_an_interrupt_is_raised_and_cleared(cores):
    frames = [frame.tobytes() for frame in random_frames(cores.network, 2)]
    short = beats(frames[1][:9], 24)
    steps = [
        ["send", beats(frames[0], 24)],
        ["receive", "m_axis", 3],
        ["wait", 4],
        ["irq"],  # nobody has asked for it
        read("INTERRUPT_STATUS"),
        write("INTERRUPT_ENABLE", ERROR),
        ["irq"],
        write("INTERRUPT_STATUS", DONE),
        read("INTERRUPT_STATUS"),
        ["send", short],
        ["interrupted"],
        read("INTERRUPT_STATUS"),  # the answer is not there yet
        ["receive", "m_axis", 6],
        ["wait", 4],
        write("INTERRUPT_STATUS", ERROR),
        ["wait", 4],
        ["irq"],
        read("INTERRUPT_STATUS"),
        write("INTERRUPT_ENABLE", ERROR | DONE),
        ["interrupted"],
    ]
    outcome = cores.run(24, steps)
    assert values(outcome, steps) == [DONE, 0, ERROR, DONE]
    irq = [r for step, r in zip(steps, outcome.results, strict=True) if step[0] == "irq"]
    assert irq == [0, 0, 0]


def test_a_soft_reset_ends_the_packet_that_is_going_out(cores):
    frames = random_frames(cores.network, 3)
    sums, best = cores.answers(frames)
    first, second, third = (beats(frame.tobytes(), 32) for frame in frames)
    steps = [
        write("INTERRUPT_ENABLE", 3),
        ["pause", "m_axis", True],
        ["send", [*first, *second[:5]]],
        ["sent"],
        ["wait", 600],
        write("CONTROL", 1),
        ["pause", "m_axis", False],
        ["receive", "m_axis", 3],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED", "INTERRUPT_STATUS", "INTERRUPT_ENABLE")),
        ["send", third],
        ["receive", "m_axis", 6],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED", "INTERRUPT_STATUS")),
    ]
    outcome = cores.run(32, steps)
    assert values(outcome, steps) == [0, 0, 0, 0, 3, 1, 1, 0, DONE]
    # The beat that was offered stays, and those behind it are marked.
    assert outcome.sums == [sums[0], [0, 0, 1], [0, 1, 1], *sums[6:]]
    assert outcome.best == best[2:]


def test_packets_stay_whole_whenever_a_soft_reset_comes(cores):
    frames = random_frames(cores.network, 3)
    sums, _ = cores.answers(frames)
    *before, after = (beats(frame.tobytes(), 32) for frame in frames)
    cut = set()
    for seed in range(12):
        steps = [
            ["send", [beat for frame in before for beat in frame]],
            ["receive", "m_axis", 1],
            ["wait", 2 * seed],
            write("CONTROL", 1),
            ["wait", 100],
            ["sent"],
            ["send", after],
            ["wait", 1500],
            *map(read, ("ACCEPTED", "ANSWERED")),
        ]
        outcome = cores.run(32, steps, stall=0.85, seed=seed)
        accepted, answered = values(outcome, steps)
        assert accepted == answered > 0  # an answer that the reset cut is none
        packets = [outcome.sums[at : at + 3] for at in range(0, len(outcome.sums), 3)]
        assert [[last for _, last, _ in packet] for packet in packets] == [[0, 0, 1]] * len(packets)
        marked = [packet for packet in packets if packet[-1][2]]
        cut |= {tuple(user for _, _, user in packet) for packet in marked}
        for packet in packets:
            assert packet in marked or packet in [sums[at : at + 3] for at in (0, 3, 6)]
    assert (0, 0, 1) in cut or (0, 1, 1) in cut


def test_a_soft_reset_amid_a_frame_begins_with_the_next_beat(cores):
    frames = random_frames(cores.network, 2)
    sums, best = cores.answers(frames)
    first, second = (beats(frame.tobytes(), 8) for frame in frames)
    steps = [
        ["send", first[:40]],
        ["sent"],
        write("CONTROL", 0),  # does nothing
        write("CONTROL", 1),
        ["wait", 40],
        ["send", second],
        ["receive", "m_axis", 3],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED")),
    ]
    outcome = cores.run(8, steps, stall=0.2)
    assert (outcome.sums, outcome.best) == (sums[3:], best[1:])
    assert values(outcome, steps) == [1, 1, 0]


@pytest.mark.parametrize("bits", BEAT_BITS)
def test_a_reset_amid_everything_forgets_all(cores, bits):
    frames = random_frames(cores.network, 2)
    sums, best = cores.answers(frames)
    first, second = (beats(frame.tobytes(), bits) for frame in frames)
    steps = [
        write("STALL_INDEX", 1),
        write("INTERRUPT_ENABLE", 3),
        ["pause", "m_axis", True],
        ["send", [*first, *first[:9]]],
        ["sent"],
        ["wait", 500],
        ["reset", 16],
        ["pause", "m_axis", False],
        *map(read, ("ACCEPTED", "ANSWERED", "STALL_INDEX", "INTERRUPT_ENABLE")),
        ["send", second],
        ["receive", "m_axis", 3],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED")),
    ]
    outcome = cores.run(bits, steps)
    assert outcome.sums == sums[3:]
    assert outcome.best[-1:] == best[1:]
    assert values(outcome, steps) == [0, 0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("bits", BEAT_BITS)
def test_nothing_is_lost_that_comes_as_soon_as_the_reset_ends(cores, bits):
    frame = random_frames(cores.network, 1)
    sums, best = cores.answers(frame)
    steps = [["reset", 4, beats(frame.tobytes(), bits)], ["receive", "m_axis", 3]]
    outcome = cores.run(bits, steps)
    assert (outcome.sums, outcome.best) == (sums, best)


def test_stalls_are_counted_by_layer(cores):
    layers = len(cores.network.ops)
    frame = beats(random_frames(cores.network, 1)[0].tobytes(), 8)
    shown = [
        step for at in range(layers + 1) for step in (write("STALL_INDEX", at), read("STALL_COUNT"))
    ]
    steps = [["pause", "m_axis", True], ["send", frame * 4], ["wait", 3000], *shown]
    found = values(cores.run(8, steps), steps)
    assert len(found) == layers + 1
    assert found[layers - 1] > 100  # the sums wait
    assert found[layers] == 0  # there is no such layer
