"""The registers of an IP core, as a program on the same bus reads and writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.frame_exchange import UPDATABLE, UPDATING
from protocol.messages import DeviceInfo
from protocol.packets import MAGIC
from protocol.registers import (
    BY_NAME,
    MAP_VERSION,
    UPDATABLE_MAP_VERSION,
    WORD_BYTES,
    CoreInfo,
    FrameError,
)
from protocol.update_registers import UpdateInfo, UpdateState

ERRORS = {
    FrameError.NONE: "it does not say how",
    FrameError.SHORT: "it ended too early",
    FrameError.LONG: "it went on behind its last pixel",
    FrameError.RESTARTED: "another one began amid it",
}
"""What ``LAST_ERROR`` means, for people."""
_OTHER = (
    "give network.npz of the folder that the core was written to, or load the overlay with the "
    "right one"
)


class CoreRegisters:
    """What :data:`protocol.registers.REGISTERS` has, by name.

    Parameters
    ----------
    name : str
        For error messages: which core this is.
    read : callable
        Gives the word at a byte address, from where the core is.
    write : callable
        Writes one there: the address, and the word.
    """

    def __init__(self, name: str, read: Callable[[int], int], write: Callable[[int, int], object]):
        self._name, self._read, self._write = name, read, write

    def value(self, register: str, field: str | None = None) -> int:
        """What a register reads as, or a field of it."""
        word = self._read(BY_NAME[register].address)
        if field is None:
            return word
        (found,) = (one for one in BY_NAME[register].fields if one.name == field)
        return (word & found.mask) >> found.low

    def put(self, register: str, word: int) -> None:
        """Write a register."""
        self._write(BY_NAME[register].address, word)

    def two(self, name: str) -> bytes:
        """8 bytes of two registers, the first byte in the lowest bits of the lower one."""
        halves = (self.value(f"{name}_{half}") for half in ("LOW", "HIGH"))
        return b"".join(half.to_bytes(WORD_BYTES, "little") for half in halves)

    def info(self) -> CoreInfo:
        """What the core says of itself.

        Raises
        ------
        FirebrickError
            If it is no such core, or has other registers.
        """
        if (magic := self.value("MAGIC")) != MAGIC:
            raise FirebrickError(
                f"{self._name}: is no firebrick core, its first register reads {magic:#010x}; load "
                "the overlay that was built with one"
            )
        version = self.value("VERSION", "MAP")
        if version not in (MAP_VERSION, UPDATABLE_MAP_VERSION):
            raise FirebrickError(
                f"{self._name}: its registers are of version {version}, this host knows versions "
                f"{MAP_VERSION} and {UPDATABLE_MAP_VERSION}; write the core again with this "
                "version, and build it"
            )
        try:
            return CoreInfo(
                height=self.value("INPUT_SIZE", "HEIGHT"),
                width=self.value("INPUT_SIZE", "WIDTH"),
                channels=self.value("INPUT_FORM", "CHANNELS"),
                classes=self.value("CLASSES"),
                layers=self.value("LAYERS", "LAYERS"),
                beat_bits=self.value("INPUT_FORM", "BEAT_BITS"),
                clock_hz=self.value("CLOCK"),
                digest=self.two("DIGEST"),
                updates=self._updates() if version == UPDATABLE_MAP_VERSION else None,
            )
        except ValueError as error:
            raise FirebrickError(f"{self._name}: describes itself wrongly: {error}") from None

    def _updates(self) -> UpdateInfo:
        """What the core says of its updates."""
        memories, keyed = (self.value("UPDATE_FORM", field) for field in ("MEMORIES", "KEYED"))
        return UpdateInfo(self.two("STRUCTURE"), memories, bool(keyed))

    @property
    def updating(self) -> bool:
        """Whether an update of a core that takes some is not complete."""
        return self.value("UPDATE_STATUS", "STATE") == UpdateState.UPDATING

    def as_board(self, info: CoreInfo, frames: int) -> DeviceInfo:
        """What the core says of itself, and what it holds now, as a board says it.

        Parameters
        ----------
        info : CoreInfo
        frames : int
            That may be without an answer. A packet would be a frame, or as much of one as a number
            can say.
        """
        chunk, updates = min(info.frame_bytes, 0xFFFF), info.updates
        made = DeviceInfo(
            info.height,
            info.width,
            info.channels,
            info.classes,
            info.clock_hz,
            self.two("DIGEST"),
            chunk=chunk,
            credits=frames * -(-info.frame_bytes // chunk),
            frames=frames,
            streams=info.layers,
        )
        if updates is None:
            return made
        return replace(
            made,
            structure=updates.structure,
            memories=updates.memories,
            keyed=updates.keyed,
            updating=self.updating,
            counter=self.value("UPDATE_COUNTER"),
        )

    def check(self, info: CoreInfo, network: QuantizedNetwork) -> None:
        """Compare what the core says of itself with the network that it should hold.

        Raises
        ------
        FirebrickError
            If it holds another one, or some of one and some of another.
        """
        if info.updates is not None and self.updating:
            raise FirebrickError(f"{self._name}: {UPDATING}")
        height, width, channels = network.input.shape
        for what, held, wanted in (
            ("network", info.digest.hex(), network.digest.hex()),
            (
                "frames of",
                f"{info.height}x{info.width}x{info.channels}",
                f"{height}x{width}x{channels}",
            ),
            ("classes", info.classes, network.output.shape[2]),
            ("layers", info.layers, len(network.ops)),
        ):
            if held != wanted:
                raise FirebrickError(
                    f"{self._name}: the core holds {what} {held}, and {network.name} is "
                    f"{wanted}; {_OTHER if info.updates is None else UPDATABLE}"
                )

    def soft_reset(self) -> None:
        """Make the core forget its frames and what it counted of them."""
        self.put("CONTROL", 1)

    def stall_samples(self, layer: int) -> int:
        """How often the core saw a layer's output wait, modulo 2^32."""
        self.put("STALL_INDEX", layer)
        return self.value("STALL_COUNT")

    def last_error(self) -> str:
        """What was wrong with the last malformed frame, for people."""
        return ERRORS[FrameError(self.value("LAST_ERROR", "KIND"))]
