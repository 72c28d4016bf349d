"""Frames to verify a board with: photographs, patterns and noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
from PIL import Image

from gen.frames.images import load_frame
from gen.ir.network import QuantizedNetwork

_COARSE = 4
"""Rows and columns of the coarse noise that a frame of shades is made from."""


def stimuli(
    network: QuantizedNetwork, pictures: Sequence[Path], total: int, seed: int
) -> tuple[list[str], np.ndarray]:
    """Different frames, and what to call them: all pictures, then others up to a number.

    These are noise, which keeps all bits moving, and shades, which are more like photographs:
    two of them, then black, white, a chequerboard and a gradient, then more of them.

    Parameters
    ----------
    network : QuantizedNetwork
    pictures : sequence of Path
    total : int
        Frames, unless there are more pictures.
    seed : int
        Of the noise.

    Returns
    -------
    names : list of str
    frames : uint8 array (N, height, width, channels)

    Raises
    ------
    FirebrickError
        If a picture cannot be read.
    """
    named = [(str(path), load_frame(path, network.preprocessing)) for path in pictures]
    random = _random(network.input.shape, np.random.default_rng(seed))
    more = chain(islice(random, 2), _patterns(network.input.shape), random)
    named += islice(more, max(total - len(named), 0))
    return [name for name, _ in named], np.stack([frame for _, frame in named])


def _patterns(shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Frames with the largest sums, the most changes from pixel to pixel, and the fewest."""
    rows, columns, _ = np.indices(shape)
    levels = {
        "black": np.zeros(shape),
        "white": np.full(shape, 255),
        "chequerboard": (rows + columns) % 2 * 255,
        "gradient": columns * 255 // max(shape[1] - 1, 1),
    }
    for name, pixels in levels.items():
        yield name, pixels.astype(np.uint8)


def _random(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Noise and shades by turns, without end."""
    for number in count(1):
        yield f"noise {number}", rng.integers(0, 256, shape, dtype=np.uint8)
        yield f"shades {number}", _shades(shape, rng)


def _shades(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Coarse noise, blurred up to a whole frame."""
    height, width, channels = shape
    coarse = rng.integers(0, 256, (channels, _COARSE, _COARSE), dtype=np.uint8)
    planes = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC) for plane in coarse
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
