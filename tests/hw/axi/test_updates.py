"""Updates of a core's contents through its registers, while frames run."""

import random

import pytest

from gen.ir.network_file import save_network
from host.new_contents import NewContents
from protocol.contents.blocks import BlockKind, Status, block
from protocol.contents.model import ContentsModel
from protocol.messages import DeviceInfo
from protocol.registers import BY_NAME
from protocol.update_registers import UPDATE_REGISTERS
from sim import golden
from tests.hw.axi.cores import DECERR, OKAY, SLVERR, address, beats
from tests.hw.axi.updatable import BEAT_BITS, BUILD, KEY, OTHER, UpdatableBench
from tests.networks import random_frames

CLASSES = 3
FRAMES = random_frames(BUILD, 8, seed=9)
FRAMES[:3] = FRAMES[3:6][::-1]


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return UpdatableBench.of(tmp_path_factory)


@pytest.fixture(scope="module")
def files(core, tmp_path_factory):
    """Both networks, as files."""
    folder = tmp_path_factory.mktemp("networks")
    save_network(OTHER, folder / "other.npz")
    return {"build": core.folder.network, "other": folder / "other.npz"}


def sent(frames, *, user=False) -> list[list[int]]:
    return [beat for frame in frames for beat in beats(frame.tobytes(), BEAT_BITS, user=user)]


def sums_of(network, frames) -> list[list[int]]:
    rows = golden.class_sums(network, frames).tolist()
    return [[v % 2**32, int(c == CLASSES - 1), 0] for row in rows for c, v in enumerate(row)]


def read(name):
    return ["read", address(name)]


def write(name, value):
    return ["put", name, value]


def transfer(*blocks):
    return ["transfer", list(b"".join(blocks))]


def returned(outcome, steps, name):
    return [r for step, r in zip(steps, outcome.results, strict=True) if step[0] == name]


@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_frames_before_are_the_old_networks_and_frames_after_the_new_ones(core, files, stall):
    def update(name):
        return ["update", str(core.folder), str(files[name]), KEY.hex()]

    steps = [
        ["send", sent(FRAMES)],
        ["receive", "m_axis", CLASSES],
        update("other"),
        ["state"],
        ["receive", "m_axis", CLASSES * len(FRAMES)],
        update("other"),
        ["send", sent(FRAMES[:2])],
        update("build"),
        ["state"],
        ["receive", "m_axis", CLASSES * (len(FRAMES) + 2)],
        *map(read, ("ACCEPTED", "ANSWERED", "MALFORMED")),
    ]
    outcome = core.run(BEAT_BITS, steps, stall=stall, seed=3)
    old, new = BUILD.digest.hex(), OTHER.digest.hex()
    assert returned(outcome, steps, "update") == [
        [[0, 1, 2, 3], old, new, 1],
        [[], new, new, 1],
        [[0, 1, 2, 3], new, old, 2],
    ]
    assert returned(outcome, steps, "state") == [["UPDATED", 1, new], ["OWN", 2, old]]
    before, after = sums_of(BUILD, FRAMES), sums_of(OTHER, FRAMES)
    assert all(x != y for x, y in zip(before[::CLASSES], after[::CLASSES], strict=True))
    changes = [
        at
        for at in range(len(FRAMES) + 1)
        if outcome.sums[: CLASSES * len(FRAMES)] == before[: CLASSES * at] + after[CLASSES * at :]
    ]
    assert len(changes) == 1
    assert 1 <= changes[0] < len(FRAMES)  # some were waiting while it was updated
    again = outcome.sums[CLASSES * len(FRAMES) :]
    assert again in (sums_of(OTHER, FRAMES[:at]) + sums_of(BUILD, FRAMES[at:2]) for at in range(3))
    assert [value for value, _ in returned(outcome, steps, "read")] == [len(FRAMES) + 2] * 2 + [0]


def model(core) -> ContentsModel:
    """Of what the core is."""
    updates, contents = core.info().updates, NewContents.of(core.folder, BUILD)
    board = DeviceInfo(
        *(1, 1, 1, 1, 1), BUILD.digest,
        structure=updates.structure, memories=updates.memories, keyed=updates.keyed,
    )  # fmt: skip
    return ContentsModel(board, [image.check for image in contents.images], KEY)


def test_what_is_not_right_is_refused_as_by_the_model(core):
    begin, *rows, commit = core.blocks()
    forged, *_ = core.blocks(key=bytes(16))
    stranger = block(BlockKind.BEGIN, b"scaffold", counter=1, index=0, key=KEY)
    flipped = bytearray(rows[0])
    flipped[20] ^= 4
    transfers = [
        rows[0],  # nothing has begun
        forged,
        stranger,
        begin[:-1],  # cut in its tag
        begin[:5],
        begin,
        begin,  # replayed
        bytes(flipped),
        rows[1],  # out of order
        rows[0] + rows[1][:-3],  # the first one counts
        commit[:-9] + commit[-8:],
        *rows[1:],
        block(BlockKind.COMMIT, bytes(16), counter=1, index=len(rows) + 1, key=KEY),
        core.blocks(2)[0] + b"".join(core.blocks(2)[1:]),
        begin,
        *core.blocks(2)[1:3],
    ]
    steps, expected, board = [], [], model(core)
    for data in transfers:
        status, _ = board.receive(data)
        steps += [transfer(data), ["state"]]
        name = "UPDATING" if board.updating else "OWN"
        name = "UPDATED" if board.digest == OTHER.digest and not board.updating else name
        expected += [int(status), [name, board.counter, board.digest.hex()]]
    assert set(expected[::2]) == set(map(int, Status))
    outcome = core.run(
        BEAT_BITS, [*steps, ["send", sent(FRAMES)], ["receive", "m_axis", CLASSES * len(FRAMES)]]
    )
    assert outcome.results[: len(steps)] == expected
    assert outcome.sums == sums_of(OTHER, FRAMES)


def test_a_forged_update_leaves_frames_as_they_are(core):
    steps = [
        ["send", sent(FRAMES)],
        *(transfer(block) for block in core.blocks(key=bytes(16))),
        ["state"],
        ["receive", "m_axis", CLASSES * len(FRAMES)],
    ]
    outcome = core.run(BEAT_BITS, steps, stall=0.3, seed=5)
    assert set(returned(outcome, steps, "transfer")) == {Status.TAG}
    assert returned(outcome, steps, "state") == [["OWN", 0, BUILD.digest.hex()]]
    assert outcome.sums == sums_of(BUILD, FRAMES)


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_every_register_of_updates_is_read_and_written(core, stall):
    info, checks = core.info(), model(core).checks
    registers = info.registers
    steps = [read(r.name) for r in registers]
    expected: list[object] = [[info.reset_value(r), OKAY] for r in registers]
    expected[-2:] = [[checks[0] & 0xFFFF_FFFF, OKAY], [checks[0] >> 32, OKAY]]
    for number in (0, 3, 4, 255, 256, 0xFFFF):
        steps += [write("CHECK_INDEX", number), *map(read, ("CHECK_LOW", "CHECK_HIGH"))]
        check = checks[number] if number < len(checks) else 0
        expected += [None, [check & 0xFFFF_FFFF, OKAY], [check >> 32, OKAY]]
    for register in UPDATE_REGISTERS:
        # The length is written last: there is a transfer from then on.
        if register.name == "UPDATE_LENGTH":
            continue
        steps += [["write", register.address, [255] * 4], read(register.name)]
        value = info.reset_value(register)
        value = 0xFFFF if register.name == "CHECK_INDEX" else value
        expected += [OKAY if register.writable else SLVERR, [value, OKAY]]
    free = [a for a in range(0x80, 0x100, 4) if a not in {r.address for r in registers}]
    steps += [step for a in free for step in (["read", a], ["write", a, [255] * 4])]
    expected += [[0, DECERR], DECERR] * len(free)
    place = address("UPDATE_LENGTH")
    for data, value in (([255], 0), ([9, 0], 9 << 16 | 4), ([255] * 4, 0xFFFF << 16 | 4)):
        # A part of it is nothing.
        steps += [
            ["write", place, data],
            ["wait", 20],
            read("UPDATE_STATUS"),
            read("UPDATE_LENGTH"),
        ]
        ready = 8 if value else 0
        expected += [OKAY, None, [value | ready, OKAY], [0, OKAY]]
    assert core.run(BEAT_BITS, steps, stall=stall, seed=2).results == expected
    assert info.registers[-len(UPDATE_REGISTERS) :] == UPDATE_REGISTERS
    assert BY_NAME["VERSION"] in registers


def test_an_update_waits_for_the_frames_before_it(core):
    begin, frame = core.blocks()[0], sent(FRAMES[:1])
    status = ["get", "UPDATE_STATUS", "READY"]
    steps = [
        ["send", frame[:50]],
        ["sent"],
        write("UPDATE_LENGTH", len(begin)),
        ["wait", 500],
        status,  # a frame has begun
        ["push", [1] * 8],  # is lost
        ["get", "UPDATE_STATUS", "LEFT"],
        ["pause", "m_axis", True],
        ["send", [*frame[50:], *sent(FRAMES[1:2])]],
        ["wait", 1000],
        status,  # nobody takes its answer
        ["pause", "m_axis_top1", True],
        ["pause", "m_axis", False],
        ["receive", "m_axis", CLASSES],
        ["wait", 50],
        status,  # nor its class
        ["pause", "m_axis_top1", False],
        ["until", "UPDATE_STATUS", "READY"],
        ["push", list(begin)],
        ["until", "UPDATE_RESULT", "DONE"],
        ["state"],
        ["wait", 1000],
        ["get", "ACCEPTED", "COUNT"],  # the other one waits
        write("CONTROL", 1),
        ["wait", 1000],
        ["state"],
        ["get", "ACCEPTED", "COUNT"],
    ]
    outcome = core.run(BEAT_BITS, steps)
    assert returned(outcome, steps, "get") == [0, len(begin), 0, 0, 1, 0]
    assert [state[:2] for state in returned(outcome, steps, "state")] == [["UPDATING", 1]] * 2
    assert outcome.sums == sums_of(BUILD, FRAMES[:1])


@pytest.mark.parametrize("seed", range(6))
def test_a_reset_amid_a_transfer_leaves_what_an_update_has_done(core, seed):
    rng, blocks, again = random.Random(seed), core.blocks(), core.blocks(2)
    at, cut = rng.randrange(1, len(blocks)), rng.randrange(4, 24)
    steps = [
        *map(transfer, blocks[:at]),
        ["send", sent(FRAMES[:2], user=True)],  # waits from here on
        ["begin", len(blocks[at])],
        ["push", list(blocks[at][:cut])],
        write("CONTROL", 1) if seed % 2 else ["reset", 4],
        ["wait", rng.randrange(300, 320)],
        ["get", "UPDATE_STATUS", "BUSY"],
        ["get", "UPDATE_RESULT", "DONE"],
        ["get", "ACCEPTED", "COUNT"],
        ["state"],
        *map(transfer, again),
        ["state"],
        ["receive", "m_axis", 2 * CLASSES],
    ]
    outcome = core.run(BEAT_BITS, steps, seed=seed)
    assert returned(outcome, steps, "get") == [0, 0, 0]
    assert set(returned(outcome, steps, "transfer")) == {Status.OK}
    states = [["UPDATING", 1, BUILD.digest.hex()], ["UPDATED", 2, OTHER.digest.hex()]]
    assert returned(outcome, steps, "state") == states
    # The first frame has lost what had come of it when it was reset.
    assert [user for _, _, user in outcome.sums[:CLASSES]] == [1] * CLASSES
    assert outcome.sums[CLASSES:] == sums_of(OTHER, FRAMES[1:2])


def test_a_length_is_kept_that_comes_amid_a_soft_reset(core):
    begin = core.blocks()[0]
    steps = [write("CONTROL", 1), transfer(begin), ["state"]]
    outcome = core.run(BEAT_BITS, steps)
    assert returned(outcome, steps, "transfer") == [Status.OK]
    assert returned(outcome, steps, "state") == [["UPDATING", 1, BUILD.digest.hex()]]


def test_a_length_forgets_the_transfer_before(core):
    begin, *rest = core.blocks()
    steps = [
        ["begin", len(begin)],
        ["push", list(begin[:12])],
        transfer(begin),
        ["begin", 40],
        ["push", [7] * 40],  # no block
        write("UPDATE_LENGTH", 0),
        ["get", "UPDATE_STATUS", "BUSY"],
        ["get", "UPDATE_RESULT", "DONE"],
        transfer(*rest),
        ["state"],
        write("UPDATE_LENGTH", 300),
        ["get", "UPDATE_STATUS", "BUSY"],
        write("UPDATE_LENGTH", 0),
        ["send", sent(FRAMES)],
        ["receive", "m_axis", CLASSES * len(FRAMES)],
    ]
    outcome = core.run(BEAT_BITS, steps)
    assert returned(outcome, steps, "transfer") == [Status.OK] * 2
    assert returned(outcome, steps, "get") == [0, 0, 1]
    assert returned(outcome, steps, "state") == [["UPDATED", 1, OTHER.digest.hex()]]
    assert outcome.sums == sums_of(OTHER, FRAMES)


def test_parts_of_words_are_lost(core):
    begin, place = core.blocks()[0], address("UPDATE_DATA")
    steps = [
        ["begin", len(begin)],
        ["write", place, [1]],
        ["write", place + 1, [2, 3, 4]],
        ["push", list(begin)],
        ["until", "UPDATE_RESULT", "DONE"],
        ["get", "UPDATE_RESULT", "STATUS"],
        ["push", [1] * 4],  # behind its end
        ["state"],
    ]
    outcome = core.run(BEAT_BITS, steps)
    assert returned(outcome, steps, "get") == [Status.OK]
    assert returned(outcome, steps, "state") == [["UPDATING", 1, BUILD.digest.hex()]]
