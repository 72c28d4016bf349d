"""The windows of a map, and the order in which a window memory reads their words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WindowGeometry:
    """The windows of a kernel over a padded map, and the order in which they are read.

    Attributes
    ----------
    height, width : int
        Of the map, padding included.
    chunks : int
        Words a pixel.
    kernel : int or tuple of int
        Rows and columns of taps; a single number stands for both. A kernel as large as the map,
        as of a fully connected layer, has one window a frame.
    stride : int
    folds : int
        Times that each window is read.
    channelwise : bool
        Each chunk's taps follow one another, as a depthwise convolution or a pool wants them, and
        not each tap's chunks. There is a single fold then.

    Raises
    ------
    ValueError
        If a number is below 1, the map is smaller than the kernel, or windows that are read
        channelwise are to be read more than once.
    """

    height: int
    width: int
    chunks: int
    kernel: int | tuple[int, int]
    stride: int
    folds: int = 1
    channelwise: bool = False

    def __post_init__(self) -> None:
        rows, columns = self.taps
        if min(self.chunks, rows, columns, self.stride, self.folds) < 1:
            raise ValueError(f"{self}: chunks, kernel, stride and folds must be positive")
        if self.height < rows or self.width < columns:
            raise ValueError(f"{self}: the map is smaller than the kernel")
        if self.channelwise and self.folds > 1:
            raise ValueError(f"{self}: windows are read channelwise once")

    @property
    def taps(self) -> tuple[int, int]:
        """Rows and columns of the kernel."""
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel

    @property
    def rows(self) -> int:
        """Rows of windows."""
        return (self.height - self.taps[0]) // self.stride + 1

    @property
    def columns(self) -> int:
        """Windows a row."""
        return (self.width - self.taps[1]) // self.stride + 1

    @property
    def span(self) -> int:
        """Words from a window's first to its last, both included."""
        rows, columns = self.taps
        return ((rows - 1) * self.width + columns) * self.chunks

    @property
    def column_step(self) -> int:
        """Words from a window to its right neighbour."""
        return self.stride * self.chunks

    @property
    def row_step(self) -> int:
        """Words from the last window of a row to the first of the next."""
        return (self.stride * self.width - (self.columns - 1) * self.stride) * self.chunks

    @property
    def frame_step(self) -> int:
        """Words from the last window of a frame to the first of the next frame."""
        last = (self.rows - 1) * self.stride * self.width + (self.columns - 1) * self.stride
        return (self.height * self.width - last) * self.chunks

    @property
    def longest_step(self) -> int:
        """The longest of the three steps."""
        return max(self.column_step, self.row_step, self.frame_step)

    @property
    def words(self) -> int:
        """Words a window."""
        rows, columns = self.taps
        return rows * columns * self.chunks

    @property
    def loops(self) -> tuple[int, int, int, int]:
        """Sizes of the loops that a window is read by, the innermost first.

        Words in a row of memory that belong to a tap, columns and rows of taps, and rounds: folds
        or, channelwise, chunks.
        """
        rows, columns = self.taps
        if self.channelwise:
            return 1, columns, rows, self.chunks
        return self.chunks, columns, rows, self.folds

    @property
    def inner_steps(self) -> tuple[int, int, int]:
        """Words from one that is read to the next one inside a window.

        In a row of taps, from its end to the next row of taps, and from a round's end to the next
        round.
        """
        _, columns = self.taps
        word = self.chunks if self.channelwise else 1
        # From the first word of the last tap, channelwise: to the next chunk of the first tap.
        again = self.chunks if self.channelwise else 0
        return word, (self.width - columns) * self.chunks + word, again + 1 - self.span

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The words read for one frame.

        Parameters
        ----------
        frame : array (height, width, chunks, lanes)

        Returns
        -------
        array (rows * columns * folds * words, lanes)
        """
        rows, columns = self.taps
        found = []
        for y, x in self._corners():
            window = frame[y : y + rows, x : x + columns].reshape(rows * columns, self.chunks, -1)
            ordered = window.swapaxes(0, 1) if self.channelwise else window
            found += [ordered.reshape(self.words, -1)] * self.folds
        return np.concatenate(found)

    def tap_model(self, frame: np.ndarray, tap: tuple[int, int]) -> np.ndarray:
        """The words of one tap of each window.

        Parameters
        ----------
        frame : array (height, width, chunks, lanes)
        tap : tuple of int
            Row and column inside the kernel.

        Returns
        -------
        array (rows * columns * chunks, lanes)
        """
        return np.concatenate([frame[y + tap[0], x + tap[1]] for y, x in self._corners()])

    def _corners(self) -> list[tuple[int, int]]:
        """Row and column of each window's first pixel, in the order of the windows."""
        return [
            (row * self.stride, column * self.stride)
            for row in range(self.rows)
            for column in range(self.columns)
        ]
