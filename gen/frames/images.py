"""From photographs to frames of raw pixels."""

from __future__ import annotations

import io
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gen.common.errors import FirebrickError
from gen.ir.preprocessing import Preprocessing

ARRAY = ".npy"
"""NumPy's own files: pixels as they are, uint8 (height, width) or (height, width, channels)."""
SUFFIXES = {
    ".bmp", ".gif", ".jpeg", ".jpg", ARRAY, ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
}  # fmt: skip
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""What Pillow calls pixels of so many channels."""
MAX_PIXELS = 1 << 27
MAX_ASPECT = 16
"""Longer pictures are cut to this before they are resized, which bounds the memory."""
BELOW_BLACK = 0.1
"""How far below zero a float image may reach, as filters leave it, as a part of its white."""


def list_images(folder: str | Path) -> list[Path]:
    """The image files in ``folder``, sorted by name.

    Raises
    ------
    FirebrickError
        If there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        problem = "is no folder" if folder.exists() else "no such folder"
        raise FirebrickError(f"{folder}: {problem}; name a folder of images")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        deeper = any(path.is_dir() for path in folder.iterdir())
        hint = "; folders in it are not looked into, name one of them" if deeper else ""
        looked = ", ".join(sorted(SUFFIXES))
        raise FirebrickError(f"{folder}: holds no image (looked for {looked}){hint}")
    return found


def load_frame(path: str | Path, preprocessing: Preprocessing) -> np.ndarray:
    """Read a photograph as a frame.

    Returns
    -------
    uint8 array (height, width, channels)
        Raw grey, RGB or RGBA, resized and cropped as ``preprocessing`` says, or codes by its
        tables.

    Raises
    ------
    FirebrickError
        If the file is missing or is no image that Pillow can read.
    """
    path = Path(path)
    if path.is_dir():
        raise FirebrickError(f"{path}: is a folder; name the images in it")
    if not path.is_file():
        raise FirebrickError(f"{path}: no such image; check the path")
    with path.open("rb") as file:
        return prepare(_decode(file, str(path), preprocessing.channels), preprocessing)


@dataclass(frozen=True)
class Accepted:
    """Which pictures are taken from strangers.

    Attributes
    ----------
    formats : tuple of str or None
        As Pillow names them; all that it reads if None.
    pixels : int
        Most that one may have.
    """

    formats: tuple[str, ...] | None = None
    pixels: int = MAX_PIXELS


def read_frame(data: bytes, preprocessing: Preprocessing, accepted: Accepted) -> np.ndarray:
    """A photograph in memory as a frame.

    Parameters
    ----------
    data : bytes
        As a file holds it.
    preprocessing : Preprocessing
    accepted : Accepted

    Returns
    -------
    uint8 array (height, width, channels)

    Raises
    ------
    FirebrickError
        If it is no image, or none that is accepted.
    """
    image = _decode(io.BytesIO(data), "picture", preprocessing.channels, accepted)
    return prepare(image, preprocessing)


_ALL = Accepted()


def load_frames(paths: list[Path], preprocessing: Preprocessing) -> np.ndarray:
    """Several photographs as one uint8 array (N, height, width, channels).

    Raises
    ------
    FirebrickError
        As :func:`load_frame` does.
    """
    return np.stack([load_frame(path, preprocessing) for path in paths])


def with_mirror_images(frames: np.ndarray) -> np.ndarray:
    """Frames (N, height, width, channels), and behind them the mirror image of each."""
    return np.concatenate([frames, frames[:, :, ::-1]])


def load_tar(
    path: str | Path, preprocessing: Preprocessing, limit: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Read photographs from a tar file of ``SPLIT/CLASS/NAME``.

    Parameters
    ----------
    path : path
    preprocessing : Preprocessing
    limit : int or None
        Take about this many, spread evenly over the sorted names.

    Returns
    -------
    frames : uint8 array (N, height, width, channels)
    classes : list of str
        The class folder of each.

    Raises
    ------
    FirebrickError
        If the file is missing or damaged, or there is no image in it or one that cannot be read.
    """
    if not Path(path).is_file():
        raise FirebrickError(f"{path}: no such tar file")
    frames, classes = [], []
    try:
        with tarfile.open(path) as tar:
            members = [m for m in tar.getmembers() if Path(m.name).suffix.lower() in SUFFIXES]
            members.sort(key=lambda member: member.name)
            if limit is not None and limit < len(members):
                picks = np.arange(limit) * len(members) // limit
                members = [members[i] for i in picks]
            for member in members:
                data = io.BytesIO(tar.extractfile(member).read())  # type: ignore[union-attr]
                image = _decode(data, f"{path}: {member.name}", preprocessing.channels)
                frames.append(prepare(image, preprocessing))
                classes.append(PurePosixPath(member.name).parent.name)
    except tarfile.TarError as error:
        raise FirebrickError(f"{path}: not a readable tar file ({error})") from None
    if not frames:
        raise FirebrickError(f"{path}: holds no image")
    return np.stack(frames), classes


def _decode(file: BinaryIO, name: str, channels: int, accepted: Accepted = _ALL) -> Image.Image:
    """An image with so many channels, the right way up.

    Raises
    ------
    FirebrickError
        If there is none that can be had.
    """
    if name.lower().endswith(ARRAY):
        return _array(file, name, channels)
    try:
        with warnings.catch_warnings():  # our own limit is below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=accepted.formats)
        if image.width * image.height > accepted.pixels:
            raise FirebrickError(
                f"{name}: {image.width}x{image.height} pixels is too large; resize it first"
            )
        return _converted(ImageOps.exif_transpose(image), name, channels)
    except FirebrickError:
        raise
    except Image.DecompressionBombError:
        raise FirebrickError(f"{name}: has too many pixels; resize it first") from None
    except UnidentifiedImageError:
        raise FirebrickError(f"{name}: not an image that can be read; try JPEG or PNG") from None
    except Exception as error:  # damaged files fail in many ways inside the decoders
        raise FirebrickError(f"{name}: damaged image ({error}); replace it") from None


def _array(file: BinaryIO, name: str, channels: int) -> Image.Image:
    """Pixels of a NumPy file.

    Raises
    ------
    FirebrickError
        If they are no uint8, or of other channels.
    """
    try:
        pixels = np.load(file, allow_pickle=False)
    except Exception as error:  # damaged files fail in many ways
        raise FirebrickError(
            f"{name}: not a readable NumPy file ({error}); save it again"
        ) from None
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.shape[2:] != (channels,) or not pixels.size:
        raise FirebrickError(
            f"{name}: has {pixels.dtype} of shape {list(pixels.shape)}; this network wants uint8 "
            f"(height, width, {channels})"
        )
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def _converted(image: Image.Image, name: str, channels: int) -> Image.Image:
    """8 bits, grey, RGB or RGBA; deep greys keep their upper byte."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = Image.fromarray(_eight_bits(image, name))
    if channels == 4:
        return image.convert("RGBA")
    return _to_rgb(image).convert(MODES[channels])


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparency lies on black."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert(
            "RGB"
        )
    return image.convert("RGB")


def _eight_bits(image: Image.Image, name: str) -> np.ndarray:
    """The values of a grey image of 16 or 32 bits, or of floats, as codes of 8 bits.

    Raises
    ------
    FirebrickError
        If its values do not tell which of them is white.
    """
    values = np.asarray(image, dtype=np.float64)
    least, most = float(values.min()), float(values.max())
    whites = {"I": (255, 65535, 2**31 - 1), "F": (1, 255, 65535)}.get(image.mode, (65535,))
    white = next((white for white in whites if most <= white), None)
    if white is None or not least >= -BELOW_BLACK * most:
        raise FirebrickError(
            f"{name}: has values from {least:g} to {most:g}, which do not tell what is black and "
            "what is white; save it with 8 bits"
        )
    return np.clip(np.floor(values * (255 / white) + 0.5), 0, 255).astype(np.uint8)


def prepare(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Resize and crop an image as ``preprocessing`` says, to pixels or codes of these.

    Returns
    -------
    uint8 array (height, width, channels)
    """
    pixels = np.atleast_3d(np.asarray(_framed(image, preprocessing), dtype=np.uint8))
    return preprocessing.coded(pixels)


def _framed(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """An image of the network's input's size and colours."""
    height, width = preprocessing.crop
    if image.mode != MODES[preprocessing.channels]:
        image = image.convert(MODES[preprocessing.channels])
    if preprocessing.stretch:
        return _resized(image, (width, height))
    shorter = max(preprocessing.resize, 1)
    fits = height <= image.height <= shorter and width <= image.width <= shorter
    if not fits:
        longest = MAX_ASPECT * max(min(image.size), 1)
        image = _cut(image, min(image.width, longest), min(image.height, longest))
        factor = shorter / min(image.size)
        size = tuple(
            max(round(side * factor), least)
            for side, least in zip(image.size, (width, height), strict=True)
        )
        image = _resized(image, size)
    return _cut(image, width, height)


def _resized(image: Image.Image, size: tuple[int, ...]) -> Image.Image:
    """Another size; a fourth channel is one like the others, not how opaque they are."""
    if image.mode != MODES[4]:
        return image.resize(size, Image.Resampling.BILINEAR)  # type: ignore[arg-type]
    planes = [plane.resize(size, Image.Resampling.BILINEAR) for plane in image.split()]  # type: ignore[arg-type]
    return Image.merge(image.mode, planes)


def _cut(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of an image."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
