"""Packets on a byte stream: flags and escapes, as :mod:`protocol.packets` says."""

from __future__ import annotations

from protocol.packets import ESCAPE, FLAG, FLIP, MOST_PAYLOAD, packet_bytes

_FLAG, _ESCAPE = bytes([FLAG]), bytes([ESCAPE])
_ESCAPED_FLAG = bytes([ESCAPE, FLAG ^ FLIP])
_ESCAPED_ESCAPE = bytes([ESCAPE, ESCAPE ^ FLIP])


def frame(packet: bytes) -> bytes:
    """A packet as it goes over a byte stream."""
    escaped = packet.replace(_ESCAPE, _ESCAPED_ESCAPE).replace(_FLAG, _ESCAPED_FLAG)
    return _FLAG + escaped


def _unescape(data: bytes) -> bytes:
    return data.replace(_ESCAPED_FLAG, _FLAG).replace(_ESCAPED_ESCAPE, _ESCAPE)


class Deframer:
    """Finds packets in a byte stream, whole and damaged ones: their CRC is not looked at.

    Bytes between packets are skipped.
    """

    def __init__(self) -> None:
        self._begun = b""
        """What has come of a packet, its escapes still in."""
        self._idle = True
        """Skip up to the next flag: no packet has begun, or its end has come."""

    def feed(self, data: bytes) -> list[bytes]:
        """Packets that end in ``data``; those that a flag cut short, too."""
        found: list[bytes] = []
        *ended, rest = data.split(_FLAG)
        for part in ended:
            self._take(part, found)
            if not self._idle and self._begun:
                found.append(_unescape(self._begun))
            self._begun, self._idle = b"", False
        self._take(rest, found)
        return found

    def _take(self, part: bytes, found: list[bytes]) -> None:
        if self._idle:
            return
        self._begun += part
        # An escape at the end waits for its byte, or is noise behind a packet.
        packet = _unescape(self._begun.removesuffix(_ESCAPE))
        length = packet_bytes(packet)
        if length is None or (len(packet) < length <= MOST_PAYLOAD):
            return
        found.append(packet[:length])
        self._begun, self._idle = b"", True
