"""Updates of a board in plain Python, over links that do their worst."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.new_contents import NewContents
from host.update import Updater
from protocol.contents.blocks import HEADER
from protocol.framing import Deframer, frame
from protocol.packets import Form, Kind, Packet
from tests.host.fake_board import MemoryTransport
from tests.host.updatable_board import (
    BUILD,
    KEY,
    OTHERS,
    UpdatableBoard,
    write_folder,
)
from tests.host.updates import Cut, Line, checked, cut_at_begin, run
from tests.networks import random_frames
from tests.protocol.test_session import Spoiler

FIRST, SECOND = OTHERS


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "build")


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "keyed"])
def test_a_board_gets_another_network_and_its_own_back(folder, key):
    board = UpdatableBoard(key=key, counter=7)
    line = Line(board)
    done = run(line, folder, FIRST, key)
    checked(board, FIRST)
    assert (done.before.digest, done.after.digest) == (BUILD.digest, FIRST.digest)
    assert done.after.counter == 8
    assert done.memories == tuple(range(2 * len(BUILD.convs)))
    assert set(done.losses.values()) == {0}
    image = sum(len(image.data) for image in board.layout.images(FIRST.convs))
    assert done.sent == sum(len(packet.payload) for packet in line.contents())
    assert image < done.sent < 1.3 * image + 100 * len(done.memories)
    assert line.now() == 0.0  # nothing was waited for
    assert line.closed
    run(Line(board), folder, BUILD, key)
    checked(board, BUILD)


def test_a_board_that_holds_it_gets_nothing(folder):
    line = Line(UpdatableBoard())
    done = run(line, folder, BUILD)
    assert (done.sent, done.memories, line.contents()) == (0, (), [])
    assert done.before == done.after


def test_only_memories_that_differ_are_sent(folder):
    board = UpdatableBoard()
    ops = [
        replace(op, bias=op.bias[::-1].copy()) if op is BUILD.convs[1] else op for op in BUILD.ops
    ]
    network = replace(BUILD, ops=tuple(ops))
    done = run(Line(board), folder, network)
    checked(board, network)
    assert done.memories == (3,)


def test_the_same_weights_under_another_digest_are_only_committed(folder):
    other = replace(BUILD, preprocessing=replace(BUILD.preprocessing, resize=99))
    assert other.digest != BUILD.digest
    board = UpdatableBoard()
    done = run(Line(board), folder, other)
    checked(board, other)
    assert (done.memories, board.written) == ((), 0)
    assert done.sent == 2 * HEADER.size + 8 + 16


def test_frames_use_the_window(folder):
    """Many packets a frame; what is answered is little beside."""
    line = Line(UpdatableBoard())
    done = run(line, folder, FIRST)
    frames = sum(bool(packet.form & Form.LAST) for packet in line.contents())
    window = line.board.device.info.credits * line.board.device.info.chunk
    assert frames <= 2 + done.sent // (7 * window)


SMALL: dict[str, Any] = {"chunk": 32, "credits": 3}
"""Packets and frames of contents that are small, so that there are many."""


@pytest.mark.parametrize("chance", [0.05, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_a_bad_link_takes_updates_to_their_end(folder, seed, chance):
    board, spoiler = UpdatableBoard(key=KEY, **SMALL), Spoiler(seed, chance)
    lost = 0
    for network in (FIRST, SECOND, BUILD):
        done = run(Line(board, spoiler, spoiler), folder, network, KEY, timeout=60.0)
        checked(board, network)
        lost += sum(done.losses.values())
    assert spoiler.faults > 10
    assert lost > 0


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_an_update_that_was_cut_goes_on_where_it_was(folder, part):
    board, total = UpdatableBoard(key=KEY), len(UpdatableBoard().held)

    def said(data: bytes) -> bytes:
        if board.written > part * total or (board.device.info.updating and part == 0.0):
            raise Cut
        return data

    updater = Updater(Line(board, said), NewContents.of(folder, FIRST), KEY)
    if part == 1.0:
        updater.run()
    else:
        with pytest.raises(Cut):
            updater.run()
        assert board.device.info.updating
        assert board.device.info.digest == BUILD.digest
        assert updater.amid
        assert str(folder.network) in updater.advice
    before = board.written
    done = run(Line(board), folder, FIRST, KEY)
    checked(board, FIRST)
    assert done.before.updating == (part < 1.0)
    if part == 0.9:
        assert board.written - before < 0.5 * total
        assert len(done.memories) < len(board.layout.memories)


def test_what_was_cut_is_restored_with_the_builds_network(folder):
    board = UpdatableBoard()

    def said(data: bytes) -> bytes:
        if board.written > len(board.held) // 2:
            raise Cut
        return data

    with pytest.raises(Cut):
        run(Line(board, said), folder, FIRST)
    run(Line(board), folder, BUILD)
    checked(board, BUILD)
    run(Line(board), folder, SECOND)
    checked(board, SECOND)


def test_a_dead_line_says_how_to_go_on(folder):
    board = UpdatableBoard()

    def said(data: bytes) -> bytes:
        return b"" if board.written else data

    with pytest.raises(FirebrickError, match=r"has said nothing for .* is not complete") as caught:
        run(Line(board, said), folder, FIRST)
    assert "run the same command again, which sends only what is missing" in str(caught.value)
    assert f"update it with {folder.network}" in str(caught.value)


def test_a_dead_line_before_it_begins_says_nothing_of_updates(folder):
    with pytest.raises(FirebrickError, match="has said nothing") as caught:
        run(Line(UpdatableBoard(), lambda _: b""), folder, FIRST)
    assert "not complete" not in str(caught.value)


def losing(kind: Kind, which: Callable[[Packet], bool], times: int = 1):
    """A link that loses the first packets of a kind that are such."""
    lost: list[Packet] = []

    def spoil(data: bytes) -> bytes:
        kept = b""
        for packet in Deframer().feed(data):
            told = Packet.decode(packet)
            if told.kind == kind and len(lost) < times and which(told):
                lost.append(told)
            else:
                kept += frame(packet)
        return kept

    return spoil


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("which", ["begin", "commit"])
def test_a_lost_answer_does_not_confuse(folder, which, times):
    board = UpdatableBoard(key=KEY)

    def lost(_: Packet) -> bool:
        begun = board.device.info.updating and not board.written
        return begun if which == "begin" else board.device.info.digest == FIRST.digest

    line = Line(board, spoil=losing(Kind.RESULT, lost, times))
    done = run(line, folder, FIRST, KEY)
    checked(board, FIRST)
    assert done.losses["frames computed again"] == times
    words = board.written
    assert words == len(board.held)  # nothing was written twice


def test_a_reset_amid_an_update_begins_it_anew(folder):
    board = UpdatableBoard()
    resets: list[bytes] = []

    def said(data: bytes) -> bytes:
        if board.written > len(board.held) // 2 and not resets:
            resets.append(Packet(Kind.RESET, 12_345).encode())  # another host's
            board.feed(frame(resets[0]))
        return data

    done = run(Line(board, said), folder, FIRST)
    checked(board, FIRST)
    assert done.losses["sessions begun again"] > 0


def test_a_board_that_is_configured_again_meanwhile_gets_all(folder):
    line = Line(UpdatableBoard())
    fresh = UpdatableBoard()

    def said(data: bytes) -> bytes:
        if line.board is not fresh and line.board.written > len(fresh.held) // 2:
            line.board = fresh
        return data

    line.said = said
    run(line, folder, FIRST)
    checked(fresh, FIRST)


def test_frames_amid_an_update_say_so(folder):
    board = UpdatableBoard(key=KEY)
    transport, complaint = MemoryTransport(board), r"is not complete.*python -m host update"
    with Driver(transport, BUILD) as driver:
        cut_at_begin(board, folder)
        with pytest.raises(FirebrickError, match=complaint):
            driver.infer(random_frames(BUILD, 1)[0])
    transport.closed = False
    with pytest.raises(FirebrickError, match=complaint):
        Driver(transport, BUILD)
    assert transport.closed
