"""What goes over the link, byte for byte; the board's side of it is ``hw/shell.py``.

Integers are little endian. The host sends one byte of command, and the pixels of a frame after a
``FRAME``; the board answers in the order of the commands.

========= =================================== ============================================
command   from the host                       from the board
========= =================================== ============================================
``INFO``  nothing more                        ``INFO``, then the block that DeviceInfo reads
``FRAME`` pixels: uint8, rows of R, G, B      ``RESULT``, u32 clock cycles, i32 class sums
========= =================================== ============================================
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from gen.errors import FirebrickError

VERSION = 1
MAGIC = b"FBRK"
INFO = b"I"
FRAME = b"F"
RESULT = b"R"

_INFO_BLOCK = struct.Struct("<4s B x H H B x H 2x I 8s 4x")
INFO_BYTES = _INFO_BLOCK.size


@dataclass(frozen=True)
class DeviceInfo:
    """What a board says of itself.

    Attributes
    ----------
    height, width, channels : int
        Of a frame.
    classes : int
        Class sums in a result.
    clock_hz : int
        Of the accelerator.
    digest : bytes
        :attr:`gen.network.QuantizedNetwork.digest` of the network that the board was made from.
    """

    height: int
    width: int
    channels: int
    classes: int
    clock_hz: int
    digest: bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of pixels in a frame."""
        return self.height * self.width * self.channels

    @property
    def result_bytes(self) -> int:
        """Bytes of a result behind its ``RESULT``."""
        return 4 + 4 * self.classes

    @staticmethod
    def decode(block: bytes) -> DeviceInfo:
        """Read the block that follows an ``INFO``.

        Raises
        ------
        FirebrickError
            If it is not one, or of another version.
        """
        if len(block) != INFO_BYTES or block[: len(MAGIC)] != MAGIC:
            raise FirebrickError(
                f"the device answered {block[:8].hex(' ') or 'nothing'}..., which is no firebrick "
                "board; check the port and the baud rate"
            )
        _, version, height, width, channels, classes, clock, digest = _INFO_BLOCK.unpack(block)
        if version != VERSION:
            raise FirebrickError(
                f"the board speaks protocol version {version}, this host version {VERSION}; "
                "generate the board's sources again with this version"
            )
        return DeviceInfo(height, width, channels, classes, clock, digest)

    def encode(self) -> bytes:
        """The block that follows an ``INFO``."""
        shape = (self.height, self.width, self.channels, self.classes)
        return _INFO_BLOCK.pack(MAGIC, VERSION, *shape, self.clock_hz, self.digest)


@dataclass(frozen=True)
class Result:
    """A board's answer to a frame.

    Attributes
    ----------
    sums : int32 array (classes,)
    cycles : int
        Clock cycles from the frame's first pixel byte to its last class sum.
    """

    sums: np.ndarray
    cycles: int

    @staticmethod
    def decode(block: bytes) -> Result:
        """Read what follows a ``RESULT``."""
        (cycles,) = struct.unpack_from("<I", block)
        return Result(np.frombuffer(block, dtype="<i4", offset=4).astype(np.int32), cycles)

    def encode(self) -> bytes:
        """What follows a ``RESULT``."""
        return struct.pack("<I", self.cycles) + self.sums.astype("<i4").tobytes()
