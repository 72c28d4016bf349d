"""The options that say whether contents of a board or a core may be replaced, and by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from gen.common.errors import FirebrickError
from gen.common.keys import load_key
from gen.compile import Capacity
from gen.ir.envelope import with_envelope, without_envelope
from gen.ir.network import QuantizedNetwork
from protocol.contents.layout import PARTS
from protocol.messages import MOST_MEMORIES


@dataclass(frozen=True)
class Updates:
    """How a board or a core is to take new contents.

    Attributes
    ----------
    margin : int or None
        Bits of room, as :func:`gen.ir.envelope.with_envelope` takes them.
    key : bytes or None
        Whoever has none can change nothing then.
    """

    margin: int | None = None
    key: bytes | None = field(default=None, repr=False)

    def of(self, network: QuantizedNetwork) -> QuantizedNetwork:
        """The network with room for other contents.

        Raises
        ------
        FirebrickError
            If there can be no such hardware for it.
        """
        most = MOST_MEMORIES // len(PARTS)
        if len(network.convs) > most:
            raise FirebrickError(
                f"network {network.name!r} has {len(network.convs)} convolutions; --updatable is "
                f"for at most {most}"
            )
        return with_envelope(network, self.margin)


@dataclass(frozen=True)
class RoomForUpdates:
    """The capacity of a board for networks that get room for other contents.

    Attributes
    ----------
    capacity : Capacity
        Of the board.
    updates : Updates
    """

    capacity: Capacity
    updates: Updates

    @property
    def memory_bits(self) -> int:
        """Bits of memory."""
        return self.capacity.memory_bits

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether there is room for a network with its envelope."""
        return self.capacity.holds(self.updates.of(network))


def room_for(capacity: Capacity, updates: Updates | None) -> Capacity:
    """A board's capacity for networks that get room for other contents, if any is asked for."""
    return capacity if updates is None else RoomForUpdates(capacity, updates)


def as_asked(network: QuantizedNetwork, updates: Updates | None) -> QuantizedNetwork:
    """The network with the room that was asked for, whatever room its file says that it has.

    A file that was made for an updatable board says some. Without ``--updatable`` nobody has said
    who may change the weights, and so nobody may.

    Parameters
    ----------
    network : QuantizedNetwork
    updates : Updates or None
        For a board that keeps its contents if None.
    """
    return without_envelope(network) if updates is None else updates.of(network)


@dataclass(frozen=True)
class UpdateOptions:
    """How contents may be replaced, as the command line has it."""

    updatable: Annotated[
        bool,
        typer.Option(
            "--updatable",
            help="Weights can be replaced while it runs, over a board's link (`python -m host "
            "update`) or a core's AXI4-Lite. Takes more room: memories that can be "
            "written, and widths for other weights.",
        ),
    ] = False
    margin: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            min=0,
            help="With --updatable: bits that sums may grow by with other weights. Room for any "
            "weights of these widths if not given.",
        ),
    ] = None
    update_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --updatable: 32 random bytes. Only who has them can change the weights; the "
            "netlist and the bitstream hold what is made of them.",
        ),
    ] = None
    update_open: Annotated[
        bool,
        typer.Option(
            "--update-open",
            help="With --updatable, in place of a key: anyone who reaches the link or the bus may "
            "change the weights.",
        ),
    ] = False

    def chosen(self) -> Updates | None:
        """What they ask for; None for contents that stay.

        Raises
        ------
        FirebrickError
            If they do not go together, or there is no key in the file.
        """
        key, anyone = self.update_key, self.update_open
        if not self.updatable:
            given = {
                "--margin": self.margin is not None,
                "--update-key": key,
                "--update-open": anyone,
            }
            for option, value in given.items():
                if value:
                    raise FirebrickError(
                        f"{option} is for --updatable; give that too, or leave it out"
                    )
            return None
        if key is not None and anyone:
            raise FirebrickError("--update-key and --update-open; leave one out")
        if key is None and not anyone:
            raise FirebrickError(
                "--updatable: who may change the weights? Give --update-key FILE, 32 random bytes "
                "(`openssl rand -out FILE 32`), or --update-open to let anyone who reaches link or "
                "bus"
            )
        return Updates(self.margin, None if key is None else load_key(key))
