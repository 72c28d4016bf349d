"""Photographs whose classes are known: a folder of images and a text file of class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gen.common.errors import FirebrickError
from gen.common.text import read_lines
from gen.frames.images import list_images


@dataclass(frozen=True)
class Labelled:
    """An image file and the index of its class."""

    path: Path
    truth: int


def read_labelled(folder: Path, labels: Path, classes: int) -> tuple[Labelled, ...]:
    """The images that a label file names, in its order.

    Parameters
    ----------
    folder : Path
        Of images; the label file's names are relative to it.
    labels : Path
        Unicode text, an image a line: file name, space or tab, class index counted from 0.
    classes : int
        How many the network knows.

    Raises
    ------
    FirebrickError
        If a file or folder is missing, a line is not understood, an index is no class, an image in
        the folder has no label, or a label no image.
    """
    found = list_images(folder)
    truths = _parse(labels, classes)
    unknown = [path.name for path in found if path.name not in truths]
    if unknown:
        raise FirebrickError(
            f"{folder / unknown[0]}: has no label in {labels}{_others(unknown)}; add a line "
            f"`{unknown[0]} CLASS`, or move the image away"
        )
    present = {path.name for path in found}
    missing = [n for n in truths if n not in present and not (folder / n).is_file()]
    if missing:
        raise FirebrickError(
            f"{labels}: names {missing[0]!r}{_others(missing)}, which is not in {folder}; check "
            "that file and folder belong together"
        )
    return tuple(Labelled(folder / name, truth) for name, truth in truths.items())


def spread(images: Sequence[Labelled], limit: int | None) -> Sequence[Labelled]:
    """At most ``limit`` of the images, spread evenly over all; all if None."""
    if limit is None or limit >= len(images):
        return images
    return [images[index * len(images) // limit] for index in range(limit)]


def _others(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} others)" if len(names) > 1 else ""


def _parse(labels: Path, classes: int) -> dict[str, int]:
    truths: dict[str, int] = {}
    for number, line in enumerate(read_lines(labels, "labels"), 1):
        if not line.strip():
            continue
        name, *rest = line.strip().rsplit(maxsplit=1)
        index, where = "".join(rest), f"{labels}, line {number}"
        if not (index.isascii() and index.isdigit()):
            raise FirebrickError(f"{where}: {line!r} is not `FILE CLASS` with a class index")
        if int(index) >= classes:
            raise FirebrickError(
                f"{where}: class {index}, but the network has {classes} classes, 0 to {classes - 1}"
            )
        if truths.setdefault(name, int(index)) != int(index):
            raise FirebrickError(f"{where}: {name} has class {truths[name]} on an earlier line")
    if not truths:
        raise FirebrickError(f"{labels}: holds no label; write lines `FILE CLASS`")
    return truths
