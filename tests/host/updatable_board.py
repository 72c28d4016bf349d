"""A board in plain Python whose contents can be updated, and its build folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gen.common.build_folder import BuildFolder
from gen.common.manifest import Manifest, UartLink
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from protocol.contents.blocks import KEY_BYTES
from protocol.contents.image import COLUMN_BITS, Image
from protocol.contents.layout import ConvLayout, Layout
from protocol.contents.model import ContentsModel, Write
from sim import golden
from tests.host.fake_board import FakeBoard, device_info
from tests.networks import other_contents, tiny_network, updatable

BUILD = updatable(tiny_network(1), 1)
OTHERS = tuple(replace(other_contents(BUILD, seed), name=f"other{seed}") for seed in (2, 3))
STRANGER = updatable(tiny_network(1), 0)
"""Of another structure: with less room."""
KEY = bytes(range(100, 100 + KEY_BYTES))


def layout_of(network: QuantizedNetwork, pe: int = 2) -> Layout:
    """Memories as some plan may have them; some of two columns."""
    convs = (
        ConvLayout(op.name, pe, 4, 1, op.code_bits, op.codebook is not None, op.bias_bits)
        for op in network.convs
    )
    return Layout(network.structure, tuple(convs))


def words(images: list[Image]) -> dict[tuple[int, int, int], int]:
    """What memories hold, by memory, column and row."""
    found = {}
    for number, image in enumerate(images):
        for column in image.columns:
            for row, data in column.pieces(column.word_bytes):
                found[number, column.number, row] = int.from_bytes(data, "little")
    return found


class UpdatableBoard(FakeBoard):
    """Answers as the one of some networks does that its memories hold; else with nonsense.

    Parameters
    ----------
    build : QuantizedNetwork
    key : bytes or None
    layout : Layout or None
    **about
        In the place of what the board says of itself.

    Attributes
    ----------
    held : dict
        See :func:`words`.
    """

    def __init__(
        self,
        build: QuantizedNetwork = BUILD,
        key: bytes | None = None,
        layout: Layout | None = None,
        **about: Any,
    ):
        self.layout = layout or layout_of(build)
        self._networks = (build, *OTHERS)
        images = self.layout.images(build.convs)
        self.held = words(images)
        info = replace(
            device_info(build),
            structure=self.layout.digest,
            memories=len(images),
            keyed=key is not None,
            **about,
        )
        checks = [image.check for image in images]
        self.contents = ContentsModel(info, checks, key)
        self.written = 0
        super().__init__(info, self.classify, self.contents, self.load)

    def load(self, write: Write) -> None:
        place = (write.memory, write.column, write.row)
        assert place in self.held
        self.held[place] = write.word % (1 << COLUMN_BITS)
        self.written += 1

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether all words in the memories are that network's."""
        return self.held == words(self.layout.images(network.convs))

    def classify(self, frame: np.ndarray) -> np.ndarray:
        for network in self._networks:
            if self.holds(network):
                return golden.class_sums(network, frame[None])[0]
        return np.full(self.device.info.classes, -1)


def write_folder(path: Path, layout: Layout | None = None) -> BuildFolder:
    """The build folder of such a board."""
    path.mkdir(exist_ok=True)
    folder = BuildFolder(path)
    save_network(BUILD, folder.network)
    folder.contents.write_text((layout or layout_of(BUILD)).to_json())
    about = ("1", "tiny", BUILD.digest, "arty_a7", "part", "arty_a7_100t", 1, 100_000_000)
    folder.manifest_path.write_text(Manifest(*about, UartLink(1_000_000), ()).to_json())
    return folder
