"""From photographs to frames of raw pixels."""

from __future__ import annotations

import io
import tarfile
import warnings
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gen.common.errors import FirebrickError
from gen.ir.preprocessing import Preprocessing

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
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
    uint8 array (height, width, 3)
        Raw RGB, resized and cropped as ``preprocessing`` says, or codes by its tables.

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
        return prepare(_decode(file, str(path)), preprocessing)


def load_frames(paths: list[Path], preprocessing: Preprocessing) -> np.ndarray:
    """Several photographs as one uint8 array (N, height, width, 3).

    Raises
    ------
    FirebrickError
        As :func:`load_frame` does.
    """
    return np.stack([load_frame(path, preprocessing) for path in paths])


def with_mirror_images(frames: np.ndarray) -> np.ndarray:
    """Frames (N, height, width, 3), and behind them the mirror image of each."""
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
    frames : uint8 array (N, height, width, 3)
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
                frames.append(prepare(_decode(data, f"{path}: {member.name}"), preprocessing))
                classes.append(PurePosixPath(member.name).parent.name)
    except tarfile.TarError as error:
        raise FirebrickError(f"{path}: not a readable tar file ({error})") from None
    if not frames:
        raise FirebrickError(f"{path}: holds no image")
    return np.stack(frames), classes


def _decode(file: BinaryIO, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():  # our own limit is below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file)
        if image.width * image.height > MAX_PIXELS:
            raise FirebrickError(
                f"{name}: {image.width}x{image.height} pixels is too large; resize it first"
            )
        return _to_rgb(ImageOps.exif_transpose(image), name)
    except FirebrickError:
        raise
    except Image.DecompressionBombError:
        raise FirebrickError(f"{name}: has too many pixels; resize it first") from None
    except UnidentifiedImageError:
        raise FirebrickError(f"{name}: not an image that can be read; try JPEG or PNG") from None
    except Exception as error:  # damaged files fail in many ways inside the decoders
        raise FirebrickError(f"{name}: damaged image ({error}); replace it") from None


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    """8-bit RGB; transparency lies on black, deep greys keep their upper byte."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(_eight_bits(image, name)).convert("RGB")
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
    """Resize and crop an RGB image as ``preprocessing`` says, to pixels or codes of these."""
    return preprocessing.coded(np.asarray(_resized(image, preprocessing), dtype=np.uint8))


def _resized(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    height, width = preprocessing.crop
    if preprocessing.stretch:
        return image.resize((width, height), Image.Resampling.BILINEAR)
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
        image = image.resize(size, Image.Resampling.BILINEAR)  # type: ignore[arg-type]
    return _cut(image, width, height)


def _cut(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of an image."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
