"""Updates of an overlay's core by its driver, and when an overlay is loaded at all."""

import asyncio

import numpy as np
import pytest

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from host.new_contents import NewContents
from host.pynq_overlay import PynqOverlay
from sim import golden
from tests.host.updatable_board import BUILD, KEY, OTHERS, layout_of, write_folder
from tests.host.updatable_core import Cut
from tests.host.updatable_overlay import UpdatableStandIn
from tests.networks import random_frames

FIRST, SECOND = OTHERS
FRAMES = random_frames(BUILD, 6)
SUMS = {network.name: golden.class_sums(network, FRAMES) for network in (BUILD, *OTHERS)}


@pytest.fixture
def bitfile(tmp_path, monkeypatch):
    monkeypatch.setattr("host.core_update.TRANSFER_BYTES", 400)
    monkeypatch.setattr("host.dma_exchange.SETTLE", 1e-4)
    path = tmp_path / "system.bit"
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    return path


@pytest.fixture
def board(tmp_path, monkeypatch):
    made = UpdatableStandIn(tmp_path)
    made.install(monkeypatch)
    yield made
    assert made.gave_all_back


@pytest.fixture
def folder(tmp_path) -> BuildFolder:
    return write_folder(tmp_path / "core")


def assert_answers(driver: PynqOverlay, network) -> None:
    found = [result.sums for result in driver.stream(FRAMES)]
    np.testing.assert_array_equal(found, SUMS[network.name])


def test_frames_before_an_update_are_the_old_network_s_and_those_behind_the_new_one_s(
    bitfile, board, folder
):
    with PynqOverlay(bitfile, BUILD) as driver:
        stream = driver.stream(FRAMES)
        found = [next(stream).sums]
        ahead = driver.unanswered
        assert ahead > 1
        done = driver.update(NewContents.of(folder, FIRST), KEY)
        assert driver.unanswered == 0
        assert board.core.holds(FIRST)
        found += [result.sums for result in stream]
        old, new = SUMS[BUILD.name], SUMS[FIRST.name]
        np.testing.assert_array_equal(found, [*old[: ahead + 1], *new[ahead + 1 :]])
        assert (done.before.digest, done.after.digest) == (BUILD.digest, FIRST.digest)
        assert (done.before.counter, done.after.counter, done.losses) == (0, 1, {})
        assert done.memories == tuple(range(len(board.core.updates.contents.checks)))
        assert done.sent == sum(board.core.updates.lengths)
        assert_answers(driver, FIRST)
        assert driver.info() == done.after
        assert list(driver.stalls()) == [op.name for op in BUILD.ops]
        assert set(driver.losses().values()) == {0}
        again = driver.update(NewContents.of(folder, FIRST), KEY)
        assert (again.memories, again.sent) == ((), 0)


def test_tasks_that_share_the_core_lose_nothing_in_an_update(bitfile, board, folder):
    async def run(driver: PynqOverlay):
        async def update():
            await asyncio.sleep(0.002)
            driver.update(NewContents.of(folder, FIRST), KEY)

        tasks = [driver.ainfer(frame) for frame in FRAMES for _ in range(4)]
        *results, _ = await asyncio.gather(*tasks, update())
        return [result.sums for result in results]

    with PynqOverlay(bitfile) as driver:
        found = asyncio.run(run(driver))
        assert driver.info().digest == FIRST.digest
    for number, sums in enumerate(found):
        either = (SUMS[name][number // 4] for name in (BUILD.name, FIRST.name))
        assert any((sums == one).all() for one in either)


@pytest.mark.parametrize(
    ("key", "complaint"),
    [(None, "give the file of the key by --key"), (bytes(16), r"refuses the update \(TAG\)")],
)
def test_a_wrong_key_changes_nothing(bitfile, board, folder, key, complaint):
    with PynqOverlay(bitfile, BUILD) as driver:
        with pytest.raises(FirebrickError, match=rf"{bitfile}: the core .*{complaint}") as error:
            driver.update(NewContents.of(folder, FIRST), key)
        assert "not complete" not in str(error.value)
        assert board.core.holds(BUILD)
        assert_answers(driver, BUILD)


def test_an_update_that_was_recorded_is_not_taken_again(bitfile, board, folder):
    recorded: list[bytes] = []

    def record(data):
        recorded.append(data)
        return data

    with PynqOverlay(bitfile, BUILD) as driver:
        board.core.updates.said = record
        driver.update(NewContents.of(folder, FIRST), KEY)
        board.core.updates.said = bytes
        driver.update(NewContents.of(folder, SECOND), KEY)
        board.core.updates.said = lambda data: recorded.pop(0)
        with pytest.raises(FirebrickError, match=r"refuses the update \(COUNTER\)"):
            driver.update(NewContents.of(folder, FIRST), KEY)
        assert board.core.holds(SECOND)
        assert_answers(driver, SECOND)


def cut_after(board: UpdatableStandIn, transfers: int) -> None:
    """Let an update be cut short as by Ctrl-C, when so many transfers were written."""
    left = transfers

    def said(data):
        nonlocal left
        left -= 1
        if left < 0:
            board.core.updates.said = bytes
            raise Cut
        return data

    board.core.updates.said = said


def test_an_update_that_was_cut_goes_on_or_is_undone(bitfile, board, folder):
    contents = NewContents.of(folder, FIRST)
    with PynqOverlay(bitfile, BUILD) as driver:
        cut_after(board, 3)
        with pytest.raises(Cut):
            driver.update(contents, KEY)
        assert driver.info().updating
        with pytest.raises(FirebrickError, match=r"is not complete.*run `python -m host update`"):
            driver.infer(FRAMES[0])
        done = driver.update(contents, KEY)
        assert done.before.updating
        assert not done.after.updating
        assert 0 < len(done.memories) < len(board.core.updates.contents.checks)
        assert_answers(driver, FIRST)
        cut_after(board, 3)
        with pytest.raises(Cut):
            driver.update(NewContents.of(folder, SECOND), KEY)
    for network in (BUILD, FIRST, SECOND):
        with pytest.raises(FirebrickError, match=r"system.bit: an update of its contents has beg"):
            PynqOverlay(bitfile, network)
    with PynqOverlay(bitfile) as driver:
        assert driver.info().updating
        driver.update(NewContents.of(folder, BUILD), KEY)
        assert_answers(driver, BUILD)
    assert len(board.loaded) == 1


def test_an_update_that_fails_amid_says_what_to_do(bitfile, board, folder):
    def said(data):
        board.core.updates.answers = False
        return data

    with PynqOverlay(bitfile, BUILD, timeout=0.1) as driver:
        board.core.updates.said = said
        with pytest.raises(FirebrickError, match=rf"{bitfile}: the core does not.*not complete"):
            driver.update(NewContents.of(folder, FIRST), KEY)
        assert driver.info().updating


def test_a_cut_before_an_update_has_begun_leaves_the_core_at_work(bitfile, board, folder):
    with PynqOverlay(bitfile, BUILD) as driver:
        write = board.core.updates.write

        def cut(offset, value):
            write(offset, value)
            if board.core.updates.busy:
                raise Cut

        board.core.updates.write = cut
        with pytest.raises(Cut):
            driver.update(NewContents.of(folder, FIRST), KEY)
        assert not driver.info().updating
        assert_answers(driver, BUILD)


def test_another_core_s_folder_is_refused(bitfile, board, tmp_path):
    other = write_folder(tmp_path / "other", layout_of(BUILD, pe=1))
    with (
        PynqOverlay(bitfile, BUILD) as driver,
        pytest.raises(FirebrickError, match=r"the core is of structure .* by --build"),
    ):
        driver.update(NewContents.of(other, FIRST), KEY)


def test_what_the_core_says_of_its_updates(bitfile, board, folder):
    layout = layout_of(BUILD)
    with PynqOverlay(bitfile) as driver:
        said = driver.info()
    assert (said.structure, said.memories) == (layout.digest, len(layout.memories))
    assert (said.keyed, said.updating, said.counter) == (True, False, 0)


def test_it_is_loaded_where_the_fpga_does_not_hold_it(bitfile, board, folder):
    contents = NewContents.of(folder, FIRST)
    with PynqOverlay(bitfile) as driver:
        driver.update(contents, KEY)
    PynqOverlay(bitfile, FIRST).close()
    assert len(board.loaded) == 1
    PynqOverlay(bitfile, BUILD, reload=True).close()
    assert len(board.loaded) == 2
    board.boot()
    PynqOverlay(bitfile, BUILD).close()
    assert len(board.loaded) == 3
    bitfile.write_bytes(b"built again")
    PynqOverlay(bitfile, BUILD).close()
    assert len(board.loaded) == 4
    board.notes.write_text("{}")
    PynqOverlay(bitfile, BUILD).close()
    assert len(board.loaded) == 5
    board.refusal = RuntimeError("no")
    with pytest.raises(FirebrickError, match=r"cannot load it \(no\)"):
        PynqOverlay(bitfile, reload=True)
    board.refusal = None
    PynqOverlay(bitfile, BUILD).close()  # PYNQ has noted it, and the FPGA is not configured
    assert len(board.loaded) == 6
