"""An AXI DMA that PYNQ drives: a transfer to a core, a transfer from it, and what stops them.

Names are those of PYNQ 3.1 (https://github.com/Xilinx/PYNQ, ``pynq/lib/dma.py`` at commit
19ed17d4), what registers of the DMA mean is in AMD's PG021 (AXI DMA 7.1):

- A channel takes one transfer at a time. ``transfer(array)`` raises ``RuntimeError`` if it is not
  ``idle`` or not ``running``, and ``ValueError`` beyond ``buffer_max_size``. It flushes what is to
  be sent.
- ``wait()`` polls without an end, so it is called only once a channel is ``idle``: then it
  invalidates what was received, and ``transferred`` has its bytes.
- A channel in ``error`` has halted until the DMA is reset, for which PYNQ has no call. Bit 2 of
  either control register does it, for both channels, and reads as 0 when it is over (PG021).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gen.common.errors import FirebrickError

RESET_SECONDS = 0.5
"""In which the DMA must have been reset."""
_CONTROL, _STATUS = 0x00, 0x04
_RECEIVE = 0x30
"""From a register of the channel that sends to that of the one that receives."""
_RESET, _SCATTER_GATHER = 1 << 2, 1 << 3
_FAULTS = {
    1 << 4: "an answer was longer than it should be, or a transfer had no bytes",
    1 << 5: "the memory refused an access",
    1 << 6: "there is no memory at an address",
}
"""Bits of a channel's status."""


class DmaFault(Exception):
    """A transfer that was refused, or a channel that has stopped; only a reset helps."""


class AxiDma:
    """Both channels of a DMA in direct register mode.

    Parameters
    ----------
    dma : pynq.lib.dma.DMA
    name : str
        For error messages: which overlay it is in.
    longest : int
        Bytes of the longest transfer that it is to make.

    Raises
    ------
    FirebrickError
        If it is not as in the block design that is written with a core.
    """

    def __init__(self, dma: Any, name: str, longest: int):
        self._dma, self._name = dma, name
        if dma.sendchannel is None or dma.recvchannel is None:
            raise FirebrickError(f"{name}: its DMA has not both a read and a write channel")
        if dma.read(_STATUS) & _SCATTER_GATHER:
            raise FirebrickError(
                f"{name}: its DMA is built for scatter-gather; build it without (c_include_sg 0)"
            )
        if longest > dma.buffer_max_size:
            raise FirebrickError(
                f"{name}: a frame is {longest} bytes, and its DMA transfers at most "
                f"{dma.buffer_max_size}; give it a longer length register (c_sg_length_width)"
            )

    def send(self, buffer: Any) -> None:
        """Begin to send all of a buffer, which must stay as it is until that is :meth:`sent`.

        Raises
        ------
        DmaFault
            If PYNQ refuses it.
        """
        with _refused():
            self._dma.sendchannel.transfer(buffer)

    def sent(self) -> bool:
        """Whether what was begun to be sent has been taken.

        Raises
        ------
        DmaFault
            If the channel has stopped.
        """
        return self._is_over(self._dma.sendchannel, _STATUS, "sending frames")

    def receive(self, buffer: Any) -> None:
        """Begin to receive a packet into a buffer.

        Raises
        ------
        DmaFault
            If PYNQ refuses it.
        """
        with _refused():
            self._dma.recvchannel.transfer(buffer)

    def received(self) -> int | None:
        """Bytes of the packet that has come, and is in its buffer; None while none has.

        Raises
        ------
        DmaFault
            If the channel has stopped.
        """
        channel = self._dma.recvchannel
        over = self._is_over(channel, _STATUS + _RECEIVE, "receiving answers")
        return channel.transferred if over else None

    def _is_over(self, channel: Any, status: int, doing: str) -> bool:
        """Whether a channel's transfer is over; if so, ends it for PYNQ, too."""
        if channel.error or not channel.running:
            word = self._dma.read(status)
            faults = [text for bit, text in _FAULTS.items() if word & bit]
            raise DmaFault(f"stopped {doing}: {'; '.join(faults) or 'something halted it'}")
        if not channel.idle:
            return False
        channel.wait()
        return True

    def stop(self) -> None:
        """Reset the DMA: transfers under way are given up, and nothing more is written.

        Raises
        ------
        FirebrickError
            If the reset does not end.
        """
        self._dma.write(_CONTROL, _RESET)
        end = time.monotonic() + RESET_SECONDS
        while (self._dma.read(_CONTROL) | self._dma.read(_CONTROL + _RECEIVE)) & _RESET:
            if time.monotonic() > end:
                raise FirebrickError(
                    f"{self._name}: its DMA does not come out of a reset; load the overlay again "
                    "(--reload)"
                )

    def start(self) -> None:
        """Let it take transfers again."""
        self._dma.sendchannel.start()
        self._dma.recvchannel.start()


@contextmanager
def _refused() -> Iterator[None]:
    """What PYNQ complains of, as a fault."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise DmaFault(f"refused a transfer ({error}); does something else use it?") from None
