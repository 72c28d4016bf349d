"""CIFAR-10 from two tar files of JPEGs, and its augmentation on whole batches."""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gen.common.files import replacing

LABELS = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
SIDE = 32
PAD = 4
ZERO_CODE = 128  # the uint8 code that normalises to zero


class DataError(Exception):
    """The data folder lacks a file, or a file is not laid out as expected."""


def _decode(tar_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read every ``SPLIT/CLASS/NAME.jpg`` of a tar file, in sorted order of the names."""
    if not tar_path.is_file():
        raise DataError(f"no such file: {tar_path}")
    found = {}
    with tarfile.open(tar_path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".jpg") else None
            if file is None:
                continue
            label = Path(member.name).parent.name
            if label not in LABELS:
                raise DataError(f"{tar_path}: {member.name}: unknown class {label!r}")
            image = Image.open(io.BytesIO(file.read())).convert("RGB")
            if image.size != (SIDE, SIDE):
                raise DataError(f"{tar_path}: {member.name}: size {image.size}, not 32x32")
            found[member.name] = (np.asarray(image, dtype=np.uint8), LABELS.index(label))
    if not found:
        raise DataError(f"{tar_path}: holds no .jpg file")
    ordered = [found[name] for name in sorted(found)]
    images = np.stack([image for image, _ in ordered])
    return images, np.array([label for _, label in ordered], dtype=np.int64)


def load_split(data: Path, split: str, cache: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Load one split.

    Parameters
    ----------
    data
        Folder that holds ``train.tar`` and ``test.tar``.
    split
        ``"train"`` or ``"test"``.
    cache
        Folder for the decoded arrays, or ``None`` to decode each time.

    Returns
    -------
    tuple
        Images (N, 32, 32, 3) uint8 RGB, and labels (N,) int64.
    """
    files = [cache / f"{split}_{kind}.npy" for kind in ("images", "labels")] if cache else []
    if files and all(path.is_file() for path in files):
        images, labels = (np.load(path) for path in files)
    else:
        images, labels = _decode(data / f"{split}.tar")
        if cache:
            cache.mkdir(parents=True, exist_ok=True)
            for path, array in zip(files, (images, labels), strict=True):
                with replacing(path) as file:
                    np.save(file, array)
    return torch.from_numpy(images), torch.from_numpy(labels)


def pad_images(images: torch.Tensor) -> torch.Tensor:
    """Surround (N, 32, 32, 3) images with a frame of 4 pixels that normalise to zero."""
    n, height, width, channels = images.shape
    padded = torch.full(
        (n, height + 2 * PAD, width + 2 * PAD, channels), ZERO_CODE, dtype=torch.uint8
    )
    padded[:, PAD:-PAD, PAD:-PAD] = images
    return padded


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Turn (N, H, W, 3) uint8 codes into the network's (N, 3, H, W) float input."""
    return ((images.float() - 128.0) / 64.0).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Views:
    """One crop and perhaps a flip of every image of a padded set.

    Attributes
    ----------
    top, left
        Corner of the crop in the padded image, 0 to 2 * PAD, (N,) int64.
    flip
        Whether it is mirrored left to right, (N,) bool.
    """

    top: torch.Tensor
    left: torch.Tensor
    flip: torch.Tensor

    @classmethod
    def random(cls, count: int, alternate: int) -> Views:
        """Draw views; an image flipped in one `alternate` is not flipped in the next."""
        top, left = torch.randint(0, 2 * PAD + 1, (2, count))
        flip = torch.from_numpy(np.random.default_rng(count).random(count) < 0.5)
        return cls(top, left, flip ^ bool(alternate % 2))

    def cut(self, padded: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Cut the images `index` (B,) out of a padded set; returns (B, 32, 32, 3) uint8."""
        span = torch.arange(SIDE)
        rows, columns = (corner[index, None] + span for corner in (self.top, self.left))
        columns = torch.where(self.flip[index, None], columns.flip(1), columns)
        return padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_holes(images: torch.Tensor, side: int) -> None:
    """Blank a square of `side` pixels at a random place of each of (B, 32, 32, 3) images."""
    span = torch.arange(SIDE)
    corner = torch.randint(-(side // 2), SIDE - side // 2, (2, len(images), 1))
    in_row, in_column = (span >= corner) & (span < corner + side)
    hole = in_row[:, :, None] & in_column[:, None, :]
    images.masked_fill_(hole[..., None], ZERO_CODE)


def mix_patch(images: torch.Tensor, *targets: torch.Tensor) -> list[torch.Tensor]:
    """Replace a rectangle of each of (B, 32, 32, 3) images by that of another image of the batch.

    Returns each of the targets (B, classes) mixed with the other image's in proportion to the areas
    (S. Yun et al., "CutMix", arXiv 1905.04899).
    """
    side = SIDE * float(torch.rand(())) ** 0.5
    middle = torch.randint(0, SIDE, (2,))
    (top, left), (bottom, right) = (
        (middle + shift).round().long().clamp(0, SIDE).tolist() for shift in (-side / 2, side / 2)
    )
    order = torch.randperm(len(images))
    images[:, top:bottom, left:right] = images[order, top:bottom, left:right]
    part = (bottom - top) * (right - left) / SIDE**2
    return [torch.lerp(target, target[order], part) for target in targets]


def run_command(run: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> int:
    """Run a training command with its `threads`; returns the exit status."""
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        run(args)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
