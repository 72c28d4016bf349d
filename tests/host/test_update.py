"""Updates of a board in plain Python, over links that do their worst."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from host.driver import Driver
from host.new_contents import NewContents
from host.update import Updater
from protocol.contents.blocks import HEADER, BlockKind, Status
from protocol.framing import Deframer, frame
from protocol.packets import FLAG, Form, Kind, Packet
from tests.host.fake_board import MemoryTransport
from tests.host.updatable_board import (
    BUILD,
    KEY,
    OTHERS,
    STRANGER,
    UpdatableBoard,
    layout_of,
    write_folder,
)
from tests.networks import fire_network, random_frames, tiny_network, updatable, with_op
from tests.protocol.test_session import Spoiler

FIRST, SECOND = OTHERS


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "build")


class Line(MemoryTransport):
    """Shows what the host says, packet by packet, to ``said``, which may change it or raise."""

    board: UpdatableBoard

    def __init__(self, board, said: Callable[[bytes], bytes] = bytes, spoil=bytes):
        super().__init__(board, spoil)
        self.said, self.seen = said, b""

    def write(self, data: bytes) -> None:
        self.seen += data
        flag = bytes([FLAG])
        for packet in data.split(flag)[1:]:
            super().write(self.said(flag + packet))

    def contents(self) -> list[Packet]:
        """Packets of contents that the host has sent."""
        packets = map(Packet.decode, Deframer().feed(self.seen))
        return [p for p in packets if p.kind == Kind.FRAME and p.form & Form.CONTENTS]


def run(line: MemoryTransport, folder, network: QuantizedNetwork, key=None, timeout=5.0):
    with Updater(line, NewContents.of(folder, network), key, timeout=timeout) as updater:
        return updater.run()


def checked(board: UpdatableBoard, network: QuantizedNetwork) -> None:
    """The board holds the network, and says so."""
    assert board.holds(network)
    assert board.device.info.digest == board.contents.digest == network.digest
    assert not board.device.info.updating


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


class Cut(Exception):
    """As Ctrl-C, at a moment of the test's choice."""


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


def test_a_forged_key_changes_nothing(folder):
    board = UpdatableBoard(key=KEY)
    line = Line(board)
    with pytest.raises(FirebrickError, match=r"refuses the update \(TAG\).*--key") as caught:
        run(line, folder, FIRST, bytes(16))
    assert bytes(16).hex() not in str(caught.value)
    checked(board, BUILD)
    assert board.contents.counter == 0
    assert len(line.contents()) == 1  # no weights were sent
    assert "not complete" not in str(caught.value)


def test_a_forged_key_amid_an_update_says_so(folder):
    board = UpdatableBoard(key=KEY)
    cut_at_begin(board, folder)
    with pytest.raises(FirebrickError, match=r"\(TAG\).*The update is not complete"):
        run(Line(board), folder, FIRST, bytes(16))


def cut_at_begin(board: UpdatableBoard, folder) -> None:
    def said(data: bytes) -> bytes:
        if board.device.info.updating:
            raise Cut
        return data

    with pytest.raises(Cut):
        run(Line(board, said), folder, SECOND, KEY)


def test_what_was_sent_before_is_refused(folder):
    """Who has only heard an update cannot make the board take it again."""
    board = UpdatableBoard(key=KEY)
    heard = Line(board)
    run(heard, folder, FIRST, KEY)
    run(Line(board), folder, BUILD, KEY)
    statuses, sums = [], b""
    for packet in heard.contents():
        sums += packet.payload
        if packet.form & Form.LAST:
            statuses.append(board.contents.receive(sums)[0])
            sums = b""
    assert statuses[0] is Status.COUNTER
    assert Status.OK not in statuses
    checked(board, BUILD)


def test_two_hosts_at_once_do_not_go_on_for_ever(folder):
    board = UpdatableBoard()
    begins = []

    def said(data: bytes) -> bytes:
        for packet in map(Packet.decode, Deframer().feed(data)):
            if packet.kind == Kind.FRAME and packet.payload[6] == BlockKind.BEGIN:
                # The other one takes the counter first.
                begins.append(packet)
                board.contents.counter = HEADER.decode(packet.payload[: HEADER.size])["counter"]
        return data

    with pytest.raises(FirebrickError, match=r"\(COUNTER\).*another host"):
        run(Line(board, said), folder, FIRST)
    assert len(begins) == 1


def test_a_counter_at_its_end(folder):
    board = UpdatableBoard(counter=(1 << 32) - 1)
    with pytest.raises(FirebrickError, match="counter of updates is at its end"):
        run(Line(board), folder, FIRST)
    assert not board.device.info.updating


def test_boards_of_another_structure_are_refused(folder):
    board = UpdatableBoard(STRANGER)
    line = Line(board)
    with pytest.raises(FirebrickError, match=r"is of structure .* --build folder"):
        run(line, folder, FIRST)
    assert line.contents() == []


def test_boards_that_are_fixed_are_refused(folder, transport):
    with pytest.raises(FirebrickError, match="cannot be updated; generate it with"):
        run(transport, folder, FIRST)


def test_a_keyed_board_wants_a_key(folder):
    with pytest.raises(FirebrickError, match=r"signed with its key; give .* by --key"):
        run(Line(UpdatableBoard(key=KEY)), folder, FIRST)


def test_an_open_board_gets_no_tags(folder):
    board = UpdatableBoard()
    run(Line(board), folder, FIRST, KEY)
    checked(board, FIRST)


@pytest.mark.parametrize("holds", [BUILD, FIRST])
def test_a_folder_that_was_planned_otherwise_since_is_noticed(tmp_path, holds):
    """The structure does not tell how wide an engine is."""
    board = UpdatableBoard()
    if holds is FIRST:
        run(Line(board), write_folder(tmp_path / "old"), FIRST)
    folder = write_folder(tmp_path / "new", layout_of(BUILD, pe=1))
    line = Line(board)
    with pytest.raises(FirebrickError, match=r"in another way than .* says"):
        run(line, folder, FIRST)
    assert line.contents() == []


def test_networks_that_do_not_fit_are_refused(folder):
    wide = with_op(BUILD, BUILD.convs[0].name, bias=BUILD.convs[0].bias + (1 << 28))
    with pytest.raises(FirebrickError, match="biases need"):
        NewContents.of(folder, wide)
    with pytest.raises(FirebrickError, match="does not fit a board"):
        NewContents.of(folder, updatable(fire_network(1)))
    save_network(tiny_network(1), folder.network)
    with pytest.raises(FirebrickError, match=r"is built for .* alone"):
        NewContents.of(folder, FIRST)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "contents.json is missing"),
        ("{}", "contents.json: damaged"),
        (layout_of(STRANGER).to_json(), "is not of the network in network.npz"),
        (layout_of(BUILD).to_json().replace('"layer": "', '"layer": "x'), "is not of the network"),
    ],
)
def test_folders_that_are_not_whole_are_refused(folder, text, complaint):
    folder.contents.unlink()
    if text is not None:
        folder.contents.write_text(text)
    with pytest.raises(FirebrickError, match=complaint):
        NewContents.of(folder, FIRST)


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
