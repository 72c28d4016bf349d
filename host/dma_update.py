"""Updates of a core behind an AXI DMA, between two frames."""

from __future__ import annotations

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from host.core_update import update_core
from host.dma_exchange import DmaExchange
from host.new_contents import NewContents
from host.update import Outcome


def update_between_frames(
    exchange: DmaExchange, contents: NewContents, key: bytes | None, progress: Progress | None
) -> Outcome:
    """Give a core another network's weights between two frames.

    Parameters
    ----------
    exchange : DmaExchange
        What it holds of results is to be collected then.
    contents : NewContents
    key : bytes or None
        The core's.
    progress : Progress or None
        Told bytes.

    Raises
    ------
    FirebrickError
        As :func:`host.core_update.update_core` does.
    """
    with exchange.turn:
        exchange.settle()
        exchange.look()
        before = exchange.info
        try:
            done = update_core(
                exchange.hardware.core,
                contents,
                key,
                timeout=exchange.timeout,
                progress=progress or SILENT,
            )
        except BaseException as error:
            exchange.meet()  # which makes the core forget a transfer that was cut short
            exchange.look()
            if not isinstance(error, FirebrickError):
                raise
            raise FirebrickError(f"{exchange.name}: {error}") from None
        exchange.look(contents.network)
    return Outcome(before, exchange.info, done.memories, done.sent, done.seconds, {})
