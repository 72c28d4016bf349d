"""Frames from wherever they come: a folder of photographs, a video, a camera."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gen.common.errors import FirebrickError
from gen.frames.images import list_images, load_frame, prepare
from gen.ir.preprocessing import Preprocessing

CAMERA = "camera"
Picture = tuple[str, Callable[[], np.ndarray]]
"""What it is called, and what makes its frame, uint8 (height, width, channels)."""


def pictures(source: str, preprocessing: Preprocessing) -> Iterator[Picture]:
    """All pictures of a source. To read one, or to make a frame of it, is left to any thread.

    Parameters
    ----------
    source : str
        A folder of photographs, a video file, ``camera``, or ``camera:1`` for the second one.
    preprocessing : Preprocessing
        How a picture becomes a frame.

    Raises
    ------
    FirebrickError
        If there is no such source, or what it takes to read it is not installed.
    """
    kind, colon, number = source.partition(":")
    if kind == CAMERA and not Path(source).exists():
        if colon and not (number.isascii() and number.isdigit()):
            raise FirebrickError(f"{source}: cameras are called camera, camera:1, camera:2...")
        return _captured(source, int(number or 0), preprocessing)
    path = Path(source)
    if path.is_dir():
        return ((str(one), partial(load_frame, one, preprocessing)) for one in list_images(path))
    if not path.is_file():
        raise FirebrickError(f"{path}: no such folder of photographs or video file")
    return _captured(source, source, preprocessing)


def _captured(source: str, where: int | str, preprocessing: Preprocessing) -> Iterator[Picture]:
    """Open a video or a camera now, and read it later."""
    if importlib.util.find_spec("cv2") is None:
        raise FirebrickError(
            f"{source}: videos and cameras need OpenCV; install it (`uv sync --extra video`, or "
            "`pip install opencv-python-headless`)"
        )
    import cv2  # only here: it is large, and optional

    capture = cv2.VideoCapture(where)
    if not capture.isOpened():
        what = "camera" if isinstance(where, int) else "video"
        raise FirebrickError(f"{source}: not a {what} that OpenCV can open")
    return _read(source, capture, preprocessing)


def _read(source: str, capture: Any, preprocessing: Preprocessing) -> Iterator[Picture]:
    number = 0
    try:
        while True:
            there, picture = capture.read()
            if not there:
                break
            # OpenCV has blue first.
            image = Image.fromarray(np.ascontiguousarray(picture[:, :, ::-1]))
            yield f"{source} frame {number}", partial(prepare, image, preprocessing)
            number += 1
    finally:
        capture.release()
    if not number:
        raise FirebrickError(f"{source}: gave no picture")
