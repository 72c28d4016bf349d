"""What an update puts into a board's memories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ir.envelope import in_envelope
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from protocol.contents.image import Image
from protocol.contents.layout import Layout


def read_layout(folder: BuildFolder) -> Layout:
    """Which memories the board of a build folder has.

    Raises
    ------
    FirebrickError
        If the file that says so is damaged.
    """
    try:
        return Layout.from_json(folder.contents.read_bytes())
    except ValueError as error:
        raise FirebrickError(f"{folder.contents}: damaged ({error}); {folder.remedy}") from None


@dataclass(frozen=True, eq=False)
class NewContents:
    """A network for a board that was generated for it or for another one of its structure.

    Attributes
    ----------
    folder : BuildFolder
        Of the board.
    build : QuantizedNetwork
        That the board was generated with.
    network : QuantizedNetwork
        That it is to hold, as it holds it.
    layout : Layout
        Of its memories.
    """

    folder: BuildFolder
    build: QuantizedNetwork
    network: QuantizedNetwork
    layout: Layout

    @staticmethod
    def of(folder: BuildFolder, network: QuantizedNetwork) -> NewContents:
        """A network for the board of a build folder.

        Raises
        ------
        FirebrickError
            If the folder is not there, is damaged, or is of a board that cannot be updated; or if
            the network does not fit.
        """
        folder.require(folder.network)
        build = load_network(folder.network)
        made = in_envelope(build, network)
        folder.require(folder.contents)
        layout = read_layout(folder)
        known = {op.name for op in build.convs}
        if layout.structure != build.structure or not {c.layer for c in layout.convs} <= known:
            raise FirebrickError(
                f"{folder.contents}: is not of the network in {folder.network.name}; "
                f"{folder.remedy}"
            )
        return NewContents(folder, build, made, layout)

    @cached_property
    def images(self) -> list[Image]:
        """What each memory is to hold."""
        return self.layout.images(self.network.convs)

    @cached_property
    def build_images(self) -> list[Image]:
        """What each memory held when the board was configured."""
        return self.layout.images(self.build.convs)

    @property
    def is_build(self) -> bool:
        """Whether it is what the board was generated with."""
        return self.network.digest == self.build.digest

    def name_of(self, digest: bytes) -> str:
        """What a network is called, by its digest, for people."""
        if digest == self.build.digest:
            return f"{digest.hex()} (the build's, {self.build.name})"
        return (
            f"{digest.hex()} ({self.network.name})"
            if digest == self.network.digest
            else digest.hex()
        )
