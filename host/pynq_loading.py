"""Overlays as PYNQ loads them.

PYNQ (https://github.com/Xilinx/PYNQ; names are those of version 3.1) is needed only here, and only
once an overlay is opened. ``pynq.Overlay(bitfile)`` loads a bitstream, whose ``.hwh`` lies beside
it, and has an attribute for each IP of its block design, by the instance's name: a ``DMA`` for an
AXI DMA, a ``DefaultIP`` with ``read(offset)`` and ``write(offset, value)`` for the core
(``pynq/overlay.py``). With ``download=False`` it takes the FPGA as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gen.common.errors import FirebrickError

CORE, DMA = "core", "dma"
"""What core and DMA are called in the block design of ``vivado_zynq.tcl``."""
FPGA_STATE = Path("/sys/class/fpga_manager/fpga0/state")
"""Where Linux says how the FPGA does."""
_CONFIGURED = "operating"
_LOADED = "global_pl_state_.json"
"""Where PYNQ notes what it loaded last (``pynq/pl_server/global_state.py``)."""
_REASONS = (AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What PYNQ raises where it cannot do something."""


@dataclass(frozen=True)
class Hardware:
    """What an overlay has of an accelerator.

    Attributes
    ----------
    name : str
        For people and error messages.
    core : pynq.DefaultIP
    dma : pynq.lib.dma.DMA
    allocate : callable
        ``pynq.allocate``: an array of a shape and dtype in memory that the DMA reaches, which
        ``freebuffer()`` gives back (``pynq/buffer.py``).
    """

    name: str
    core: Any
    dma: Any
    allocate: Callable[..., Any]


def load(bitfile: Path, core: str, dma: str, *, reload: bool) -> Hardware:
    """Load an overlay if it is not loaded, and find in it what belongs to the accelerator.

    Parameters
    ----------
    bitfile : Path
    core, dma : str
        Names of instances.
    reload : bool
        Load it even if it is loaded.

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
    download = reload or not is_loaded(bitfile)
    try:
        overlay = pynq.Overlay(str(bitfile.absolute()), download=download)
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


def is_loaded(bitfile: Path) -> bool:
    """Whether the FPGA holds this bitstream, as far as PYNQ and Linux know.

    An access to a core that is not there would not come back. So in doubt it is not loaded: after
    the board was started, if PYNQ has noted another bitstream, or nothing that is understood here.

    Parameters
    ----------
    bitfile : Path
        Compared by what is in it.
    """
    try:
        state = importlib.import_module("pynq.pl_server.global_state")
        state.initial_global_state_file_boot_check()
        noted = json.loads((Path(state.STATE_DIR) / _LOADED).read_bytes())["bitfile_hash"]
        same = bool(noted == state.bitstream_hash(str(bitfile)))
        return same and FPGA_STATE.read_text().strip() == _CONFIGURED
    except _REASONS:
        return False


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
