"""Updates of an IP core through its registers, which are a model's."""

import pytest

from gen.common.errors import FirebrickError
from host.core_registers import CoreRegisters
from host.core_update import update_core
from host.new_contents import NewContents
from protocol.update_registers import UpdateState
from tests.host.updatable_board import BUILD, KEY, OTHERS, layout_of, words, write_folder
from tests.host.updatable_core import Cut, UpdatableCore

SHORT = 400


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("host.core_update.TRANSFER_BYTES", SHORT)
    return write_folder(tmp_path / "core")


def update(core, folder, network, key=KEY, timeout=0.05):
    return update_core(core, NewContents.of(folder, network), key, timeout=timeout)


def checked(core, network) -> None:
    assert core.held == words(layout_of(BUILD).images(network.convs))
    assert core.contents.digest == network.digest
    assert not core.contents.updating


@pytest.mark.parametrize("key", [None, KEY])
def test_a_core_gets_other_weights_and_its_own_again(key, folder):
    core = UpdatableCore(key)
    for counter, (network, before) in enumerate(
        ((OTHERS[0], BUILD), (OTHERS[1], OTHERS[0]), (BUILD, OTHERS[1])), start=1
    ):
        done = update(core, folder, network)  # a key that is not needed does no harm
        checked(core, network)
        assert (done.before, done.after) == (before.digest, network.digest)
        assert done.counter == core.contents.counter == counter
        assert done.memories == tuple(range(len(core.contents.checks)))
        assert done.sent == sum(core.lengths)
        core.lengths.clear()
    again = update(core, folder, BUILD)
    assert (again.memories, again.sent, again.counter) == ((), 0, 3)
    assert core.lengths == []


def test_transfers_are_long_but_not_too_long(folder):
    core = UpdatableCore()
    update(core, folder, OTHERS[0])
    assert max(core.lengths) <= SHORT
    assert len(core.lengths) <= 2 + sum(core.lengths) // (SHORT // 2)


def test_progress_is_told_to_its_end(folder):
    told = []

    class Shown:
        def begin(self, phase):
            told.append(phase)

        def advance(self, done, total):
            told.append((done, total))

    core = UpdatableCore()
    done = update_core(core, NewContents.of(folder, OTHERS[0]), KEY, progress=Shown())
    assert told[:2] == ["what the core holds", "bytes of contents"]
    total = done.sent - core.lengths[0]
    assert told[-1] == (total, total)


def test_only_what_is_missing_is_sent_after_a_cut(folder):
    core = UpdatableCore()
    left = 3

    def said(data):
        nonlocal left
        left -= 1
        if not left:
            raise Cut
        return data

    core.said = said
    with pytest.raises(Cut):
        update(core, folder, OTHERS[0])
    core.said = bytes
    assert core.contents.updating
    done = update(core, folder, OTHERS[0])
    assert 0 < len(done.memories) < len(core.contents.checks)
    checked(core, OTHERS[0])


def test_an_update_that_was_cut_is_undone_by_the_builds_network(folder):
    core = UpdatableCore()

    def said(data):
        if core.contents.updating:
            raise Cut
        return data

    core.said = said
    with pytest.raises(Cut):
        update(core, folder, OTHERS[0])
    core.said = bytes
    done = update(core, folder, BUILD)
    assert done.memories == ()
    assert done.sent > 0
    checked(core, BUILD)


@pytest.mark.parametrize(
    ("key", "network", "message"),
    [
        (None, OTHERS[0], "takes only what is signed with its key"),
        (bytes(16), OTHERS[0], r"refuses the update \(TAG\)"),
    ],
)
def test_a_wrong_key_changes_nothing(key, network, message, folder):
    core = UpdatableCore()
    with pytest.raises(FirebrickError, match=message) as error:
        update(core, folder, network, key)
    assert "not complete" not in str(error.value)
    checked(core, BUILD)


def test_a_core_amid_an_update_is_no_drivers(folder):
    core = UpdatableCore()
    registers = CoreRegisters("firebrick.bit", core.read, core.write)
    registers.check(registers.info(), BUILD)
    update(core, folder, OTHERS[0])
    info = registers.info()
    registers.check(info, OTHERS[0])
    assert info.updates == core.info.updates
    with pytest.raises(FirebrickError, match=f"holds network {OTHERS[0].digest.hex()}"):
        registers.check(info, BUILD)
    core.contents.updating = True
    with pytest.raises(
        FirebrickError, match="is not complete, and until it is no frame is answered"
    ):
        registers.check(info, OTHERS[0])


def test_another_core_is_refused_before_anything_is_written(folder, tmp_path):
    class Nothing(UpdatableCore):
        def read(self, offset):
            return 0

    class NotUpdatable(UpdatableCore):
        def __init__(self):
            super().__init__(updatable=False)

    for core, message in (
        (Nothing(), "is no firebrick core, its first register reads 0x00000000"),
        (NotUpdatable(), "python -m gen core --updatable"),
    ):
        with pytest.raises(FirebrickError, match=message):
            update(core, folder, OTHERS[0])
        assert core.lengths == []
    other = write_folder(tmp_path / "other", layout_of(BUILD, pe=1))
    with pytest.raises(FirebrickError, match="give the folder that its bitstream was generated in"):
        update(UpdatableCore(), other, OTHERS[0])


def test_frames_that_are_not_answered_are_told_of_and_the_transfer_is_taken_back(folder):
    core = UpdatableCore()
    core.ready = False
    with pytest.raises(FirebrickError, match="has frames that are not answered"):
        update(core, folder, OTHERS[0])
    assert core.lengths[1:] == [0]
    checked(core, BUILD)


def test_an_update_that_is_not_answered_says_what_to_do(folder):
    core = UpdatableCore()

    def said(data):
        core.answers = False
        return data

    core.said = said
    with pytest.raises(
        FirebrickError, match=r"was it reset.*no frame is answered until.*network\.npz"
    ):
        update(core, folder, OTHERS[0])
    assert core.read(0x90) & 3 == UpdateState.UPDATING


def test_what_another_program_writes_meanwhile_is_told_of(folder):
    core = UpdatableCore()

    def said(data):
        if core.contents.updating:
            core.contents.counter += 1
        return data

    core.said = said
    with pytest.raises(FirebrickError, match=r"\(COUNTER\).*another program.*is not complete"):
        update(core, folder, OTHERS[0])

    def afterwards(data):
        if core.contents.index > 5:
            core.contents.checks[0] = 1
        return data

    core.said = afterwards
    with pytest.raises(FirebrickError, match=r"\(CHECK\).*load its bitstream again"):
        update(core, folder, OTHERS[0])


def test_a_counter_at_its_end_is_told_of(folder):
    core = UpdatableCore()
    core.contents.counter = 2**32 - 1
    with pytest.raises(FirebrickError, match="counter of updates is at its end"):
        update(core, folder, OTHERS[0])
    assert core.lengths == []
