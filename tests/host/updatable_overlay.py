"""A stand-in for PYNQ with an overlay whose core takes updates, and what PYNQ notes of it."""

import hashlib
import json
import sys
import types
from pathlib import Path
from typing import Any

from gen.ir.network import QuantizedNetwork
from protocol.register_kinds import Register
from protocol.registers import BY_NAME
from protocol.update_registers import UPDATE_REGISTERS
from tests.host.stand_in_pynq import Core, Overlay, StandIn
from tests.host.updatable_board import BUILD, KEY, OTHERS, layout_of, words
from tests.host.updatable_core import UpdatableCore

CHANGED: tuple[Register, ...] = (
    *UPDATE_REGISTERS,
    *(BY_NAME[name] for name in ("VERSION", "DIGEST_LOW", "DIGEST_HIGH")),
)
"""Registers that other cores have not, or whose values stay there."""
ADDRESSES = {register.address for register in CHANGED}


class UpdatableOverlayCore(Core):
    """Answers as the golden model of what its memories hold.

    Attributes
    ----------
    updates : UpdatableCore
        Its memories, and the registers in front of them.
    """

    def __init__(self, key: bytes | None):
        super().__init__(BUILD, 32)
        self._key = key
        self.configure()

    def configure(self) -> None:
        """As the bitstream does when it is loaded."""
        self.updates = UpdatableCore(self._key)

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether all of the core is that network's."""
        contents = self.updates.contents
        held = self.updates.held == words(layout_of(BUILD).images(network.convs))
        return held and contents.digest == network.digest and not contents.updating

    def read(self, offset: int = 0) -> int:
        self.updates.ready = not self._pending and not self.answers
        return self.updates.read(offset) if offset in ADDRESSES else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset in ADDRESSES:
            self.updates.write(offset, value)
        else:
            super().write(offset, value)

    def _soft_reset(self) -> None:
        super()._soft_reset()
        self.updates.begin(0)

    @property
    def takes(self) -> bool:
        return super().takes and not self.updates.contents.updating and not self.updates.busy

    def offer(self, data: bytes) -> None:
        self.network = next(one for one in (BUILD, *OTHERS) if self.holds(one))
        super().offer(data)


class UpdatableStandIn(StandIn):
    """PYNQ on a board that stays as it is between programs, and is started anew by :meth:`boot`.

    Parameters
    ----------
    folder : Path
        Where PYNQ and Linux have their notes.
    key : bytes or None
        The core's.
    """

    core: UpdatableOverlayCore

    def __init__(self, folder: Path, key: bytes | None = KEY):
        super().__init__(BUILD)
        self.core = self.dma.core = self.instances["core"] = UpdatableOverlayCore(key)
        self.notes = folder / "global_pl_state_.json"
        self.fpga = folder / "state"
        self.boot()

    def boot(self) -> None:
        """The FPGA is empty then; PYNQ's note stays until it is looked at."""
        self._configured = False
        self.fpga.write_text("unknown\n")

    def install(self, monkeypatch: Any) -> None:
        """Be what is imported as PYNQ."""
        state: Any = types.ModuleType("pynq.pl_server.global_state")
        state.STATE_DIR = str(self.notes.parent)
        state.initial_global_state_file_boot_check = self._check_boot
        state.bitstream_hash = bitstream_hash
        for module in (self.module(), state):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr("host.pynq_loading.FPGA_STATE", self.fpga)

    def _check_boot(self) -> None:
        if self.fpga.read_text().startswith("unknown"):
            self.notes.unlink(missing_ok=True)

    def _overlay(self, bitfile_name: str, download: bool = True) -> Overlay:
        if download:
            note = {"bitfile_name": bitfile_name, "bitfile_hash": bitstream_hash(bitfile_name)}
            self.notes.write_text(json.dumps(note))
            self.fpga.write_text("write error\n")
            self._configured = False
        overlay = super()._overlay(bitfile_name, download)
        if download:
            self.fpga.write_text("operating\n")
            self._configured = True
            self.core.configure()
        assert self._configured, "the processor would hang"
        return overlay


def bitstream_hash(filename: str) -> str:
    """As PYNQ makes it."""
    return hashlib.sha1(Path(filename).read_bytes()).hexdigest()
