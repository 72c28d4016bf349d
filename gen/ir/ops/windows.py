"""Windows that slide over a map: how many there are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

Sides = tuple[int, int, int, int]
"""Top, left, bottom, right, in pixels."""


def window_counts(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, pad: Sides
) -> tuple[int, int]:
    """How many whole windows a map has, down and across.

    Parameters
    ----------
    size, kernel : tuple of int
        Rows and columns.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    """
    top, left, bottom, right = pad
    rows = (size[0] + top + bottom - kernel[0]) // stride + 1
    return rows, (size[1] + left + right - kernel[1]) // stride + 1


def window_problems(name: str, kernel: tuple[int, ...], stride: int, pad: Sides) -> Iterator[str]:
    """What keeps windows from sliding over a map.

    Parameters
    ----------
    name : str
        Of the op.
    kernel : tuple of int
        Its sides; one that is square may have one.
    stride : int
    pad : tuple of int
    """
    if min(*kernel, stride) < 1:
        sides = "x".join(map(str, dict.fromkeys(kernel)))
        yield f"{name}: kernel {sides} or stride {stride} is not at least 1"
    if min(pad) < 0:
        yield f"{name}: padding {pad} is negative"


def pool_problems(name: str, kernel: int, stride: int, pad: Sides) -> Iterator[str]:
    """The same of a pool's windows, of which none may lie in the padding altogether.

    Parameters
    ----------
    name, kernel, stride, pad : str, int, int, tuple of int
        As for :func:`window_problems`.
    """
    yield from window_problems(name, (kernel, kernel), stride, pad)
    if max(pad) >= kernel:
        yield f"{name}: padding {pad} is not below its kernel's {kernel} pixels"
