"""The windows over a padded map: what must be there before each, and how many pixels are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gen.ir.ops import Tensor
from gen.nodes.streams import Burst

MOST_WAIT = 0.02
"""Part of a frame's pixels that an engine may wait for between frames, to save window memory."""


@dataclass(frozen=True)
class WindowShape:
    """Windows of a kernel over a padded map, and the stream that fills it.

    Attributes
    ----------
    kernel : tuple of int
        Rows and columns.
    stride : int
    pixels : int
        Of the input map, without padding.
    height, width : int
        Of the padded input map.
    inner_width : int
        Of the input map, without padding.
    origin : tuple of int
        Padding above and to the left.
    rows, columns : int
        Of windows.
    burst : Burst
        Of the input. A pool in front gives a row of output during one of its stride's many rows of
        input; two rows at the end of a map whose last windows are cut.
    """

    kernel: tuple[int, int]
    stride: int
    pixels: int
    height: int
    width: int
    inner_width: int
    origin: tuple[int, int]
    rows: int
    columns: int
    burst: Burst

    @staticmethod
    def geometry(
        x: Tensor,
        y: Tensor,
        kernel: tuple[int, int],
        stride: int,
        pad: tuple[int, int, int, int],
    ) -> dict[str, object]:
        """The fields but ``burst`` of windows over ``x`` that make the pixels of ``y``.

        Parameters
        ----------
        x, y : Tensor
        kernel : tuple of int
            Rows and columns.
        stride : int
        pad : tuple of int
            Top, left, bottom, right.
        """
        top, left, bottom, right = pad
        return {
            "kernel": kernel,
            "stride": stride,
            "pixels": x.shape[0] * x.shape[1],
            "height": x.shape[0] + top + bottom,
            "width": x.shape[1] + left + right,
            "inner_width": x.shape[1],
            "origin": (top, left),
            "rows": y.shape[0],
            "columns": y.shape[1],
        }

    @property
    def out_pixels(self) -> int:
        """Pixels of the output map."""
        return self.rows * self.columns

    @property
    def border(self) -> int:
        """Padding pixels between the last pixel of a frame and the first of the next."""
        padded_rows = self.height - self.pixels // self.inner_width
        return padded_rows * self.width + self.width - self.inner_width

    @cached_property
    def window_pixels(self) -> int:
        """Pixels that the window memory holds so that nothing has to wait for a jump.

        A window and the longest jump from one window to the next: to the next row, or over the
        last rows of a frame, which no window reads to the end, into the next frame. An input that
        comes in bursts of rows needs as many rows more: else the engine's pace would hold up the
        pool during the burst, and the layer in front of it too. A padded 1x1 computes its border
        while pixels keep coming, so the border must fit in.
        """
        waiting = self.width * self.burst.rows
        if self.kernel == (1, 1) and self.stride == 1:
            return (3 if waiting else 4) + waiting + self.border
        return self._span + max(self._row_jump, self._frame_jump) + waiting

    @cached_property
    def fewest_pixels(self) -> int:
        """Pixels of the smallest window memory to plan with.

        It makes the engine wait between frames, for at most :data:`MOST_WAIT` of a frame's pixels:
        the layers behind starve meanwhile.
        """
        if self.kernel == (1, 1) and self.stride == 1:
            return self.window_pixels
        fewest = self._span + self._row_jump + self.width * self.burst.rows
        sizes = range(fewest, self.window_pixels)
        short = (n for n in sizes if self.wait_pixels(n) <= MOST_WAIT * self.pixels)
        return next(short, self.window_pixels)

    def wait_pixels(self, held: int) -> int:
        """Input pixels that must come before a frame's first window because only ``held`` fit."""
        top, left = self.origin
        rows, columns = self.kernel
        first = max(rows - 1 - top, 0) * self.inner_width + columns - left
        return min(self.window_pixels - held, first)

    @cached_property
    def last_pixels(self) -> np.ndarray:
        """Index of the last input pixel of each window, in raster order, padding left out."""
        height = self.pixels // self.inner_width
        axes = (
            (self.rows, self.kernel[0], self.origin[0], height),
            (self.columns, self.kernel[1], self.origin[1], self.inner_width),
        )
        rows, columns = (
            np.clip(np.arange(windows) * self.stride + kernel - 1 - start, 0, size - 1)
            for windows, kernel, start, size in axes
        )
        return (rows[:, None] * self.inner_width + columns).ravel()

    @property
    def _span(self) -> int:
        """Padded pixels from a window's first to its last."""
        return (self.kernel[0] - 1) * self.width + self.kernel[1]

    @property
    def _row_jump(self) -> int:
        return self.stride * (self.width - self.columns + 1)

    @property
    def _frame_jump(self) -> int:
        last = (self.rows - 1) * self.stride * self.width + (self.columns - 1) * self.stride
        return self.height * self.width - last
