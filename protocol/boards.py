"""Which board is at the other end: what an update may change of it, and what it may not."""

from __future__ import annotations

from dataclasses import replace

from protocol.messages import DeviceInfo, ProtocolError


class OtherNetwork(ProtocolError):
    """A board that holds another network than it should.

    Attributes
    ----------
    info : DeviceInfo
        What it says of itself.
    """

    def __init__(self, info: DeviceInfo, digest: bytes):
        shape = f"{info.height}x{info.width}x{info.channels} pixels, {info.classes} classes"
        super().__init__(f"it holds network {info.digest.hex()} ({shape}), not {digest.hex()}")
        self.info = info


def check_board(info: DeviceInfo, *, digest: bytes | None, before: DeviceInfo | None) -> None:
    """Check that a board is the one that is wanted.

    Parameters
    ----------
    info : DeviceInfo
        What it says of itself.
    digest : bytes or None
        Of the network that it must hold, if that matters.
    before : DeviceInfo or None
        What it said before, if it must be the same board.

    Raises
    ------
    ProtocolError
        If it is not.
    """
    if digest is not None and info.digest != digest:
        raise OtherNetwork(info, digest)
    if before is not None and lasting(info) != lasting(before):
        raise ProtocolError("another board, or another network, is at the end of the link")


def lasting(info: DeviceInfo) -> DeviceInfo:
    """A board but for what updates change."""
    if not info.memories:
        return info
    return replace(info, digest=bytes(len(info.digest)), updating=False, counter=0)
