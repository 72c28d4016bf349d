"""Updates that a host or a board refuses, and why."""

import pytest

from gen.common.errors import FirebrickError
from gen.ir.network_file import save_network
from host.new_contents import NewContents
from protocol.contents.blocks import HEADER, BlockKind, Status
from protocol.framing import Deframer
from protocol.packets import Form, Kind, Packet
from tests.host.updatable_board import (
    BUILD,
    KEY,
    OTHERS,
    STRANGER,
    UpdatableBoard,
    layout_of,
    write_folder,
)
from tests.host.updates import Line, checked, cut_at_begin, run
from tests.networks import fire_network, tiny_network, updatable, with_op

FIRST = OTHERS[0]


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "build")


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

    with pytest.raises(FirebrickError, match=r"\(COUNTER\).*another program"):
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
    with pytest.raises(FirebrickError, match=r"is of structure .* by --build"):
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
    board = UpdatableBoard()
    if holds is FIRST:
        run(Line(board), write_folder(tmp_path / "old"), FIRST)
    folder = write_folder(tmp_path / "new", layout_of(BUILD, pe=1))
    line = Line(board)
    with pytest.raises(FirebrickError, match=r"is of structure .* by --build"):
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
