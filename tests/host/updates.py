"""A line to a board in plain Python that is updated, and updates over it."""

from collections.abc import Callable

import pytest

from gen.ir.network import QuantizedNetwork
from host.new_contents import NewContents
from host.update import Updater
from protocol.framing import Deframer
from protocol.packets import FLAG, Form, Kind, Packet
from tests.host.fake_board import MemoryTransport
from tests.host.updatable_board import KEY, OTHERS, UpdatableBoard


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


class Cut(Exception):
    """As Ctrl-C, at a moment of the test's choice."""


def cut_at_begin(board: UpdatableBoard, folder) -> None:
    """Begin an update of a board, and leave it so."""

    def said(data: bytes) -> bytes:
        if board.device.info.updating:
            raise Cut
        return data

    with pytest.raises(Cut):
        run(Line(board, said), folder, OTHERS[1], KEY)
