"""A core of ``python -m gen core`` on a Zynq that runs PYNQ, with the driver's methods.

PYNQ (https://github.com/Xilinx/PYNQ; names are those of version 3.1) is needed only here, and only
once an overlay is opened. ``pynq.Overlay(bitfile)`` loads a bitstream, whose ``.hwh`` lies beside
it, and has an attribute for each IP of its block design, by the instance's name: a ``DMA`` for an
AXI DMA, a ``DefaultIP`` with ``read(offset)`` and ``write(offset, value)`` for the core
(``pynq/overlay.py``).
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.dma_exchange import DmaExchange, Hardware
from host.driver import FrameDriver

CORE, DMA = "core", "dma"
"""What core and DMA are called in the block design of ``vivado_zynq.tcl``."""
_REASONS = (AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What PYNQ raises where it cannot do something."""


class PynqOverlay(FrameDriver):
    """An overlay that classifies frames: what a driver is for a board.

    Frames do not travel in packets but are written where the DMA reads them. A result's ``cycles``
    are those of the core's clock that passed, by the processor's clock, from when its frame was
    begun to be sent until its answer was seen: more than what the core took.

    Parameters
    ----------
    bitfile : Path or str
        The overlay's bitstream, with a ``.hwh`` of the same name beside it. It is loaded.
    network : QuantizedNetwork, optional
        What the core should hold; refused if it holds another.
    timeout : float
        Seconds without any progress after which the core is given up.
    core, dma : str
        Names of the instances in the block design.

    Raises
    ------
    FirebrickError
        If there is no PYNQ, it cannot load the overlay, or that is not the right one.
    """

    def __init__(
        self,
        bitfile: Path | str,
        network: QuantizedNetwork | None = None,
        *,
        timeout: float = 5.0,
        core: str = CORE,
        dma: str = DMA,
    ):
        self._core = DmaExchange(load(Path(bitfile), core, dma), network, timeout)
        super().__init__(self._core)

    def top_class(self) -> int | None:
        """The class with the largest sum of the last frame that was answered, as the core says.

        Returns
        -------
        int or None
            None if no frame was answered since the last reset.
        """
        return self._core.top_class()


def load(bitfile: Path, core: str, dma: str) -> Hardware:
    """Load an overlay, and find in it what belongs to the accelerator.

    Parameters
    ----------
    bitfile : Path
    core, dma : str
        Names of instances.

    Raises
    ------
    FirebrickError
        If that fails.
    """
    pynq = _pynq()
    for path in (bitfile, bitfile.with_suffix(".hwh")):
        if not path.is_file():
            raise FirebrickError(
                f"{path}: no such file; an overlay is a .bit and a .hwh with the same name, beside "
                "each other"
            )
    try:
        overlay = pynq.Overlay(str(bitfile.absolute()))
    except _REASONS as error:
        raise FirebrickError(
            f"{bitfile}: PYNQ cannot load it ({error}); run this as root on the board"
        ) from None
    found: list[Any] = []
    for name in (core, dma):
        try:
            found.append(getattr(overlay, name))
        except AttributeError:
            raise FirebrickError(
                f"{bitfile}: has no {name!r} in its block design; that of vivado_zynq.tcl has "
                f"{CORE!r} and {DMA!r}, other names are given as core= and dma="
            ) from None
    if not hasattr(found[1], "sendchannel"):
        raise FirebrickError(f"{bitfile}: {dma!r} in its block design is no AXI DMA")
    return Hardware(str(bitfile), found[0], found[1], pynq.allocate)


def _pynq() -> Any:
    """The package, which is imported by nobody else."""
    if importlib.util.find_spec("pynq") is None:
        raise FirebrickError(
            "PYNQ is not installed in this Python; run this on the board, in its PYNQ environment, "
            "or install it (`pip install pynq`)"
        )
    try:
        return importlib.import_module("pynq")
    except _REASONS as error:
        raise FirebrickError(
            f"PYNQ cannot be imported ({error}); run this on the board, as root"
        ) from None
