"""What the tensors of an ONNX graph show of our maps: in which order, in which shape.

A map has the axes N (frames), C, H and W. Transposes, reshapes and the like leave its numbers as
they are; they change the order of the axes in memory, and where one dimension ends. So a tensor of
the graph is a :class:`View` of a map, and what a layer makes of it follows from the view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

LAYOUTS = ("NCHW", "NHWC", "NC")
"""Orders of dimensions that layers may have: channels first or last, or only channels."""


@dataclass(frozen=True)
class View:
    """A tensor of an ONNX graph.

    Attributes
    ----------
    tensor : str
        Name of our map.
    axes : tuple
        Name and size of the map's axes, in the order of memory; those of size 1 are left out.
    shape : tuple of int
        Of the ONNX tensor.
    pad : tuple of int
        Zeros around the map (top, left, bottom, right) that only the view has.
    final : bool
        Probabilities of the classes: nothing but another shape may follow.
    """

    tensor: str
    axes: tuple[tuple[str, int], ...]
    shape: tuple[int, ...]
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    final: bool = False

    @staticmethod
    def of(tensor: str, shape: tuple[int, int, int], batch: int = 1, layout: str = "NCHW") -> View:
        """A map as it is.

        Parameters
        ----------
        tensor : str
        shape : tuple of int
            Height, width, channels.
        batch : int
        layout : str
            One of :data:`LAYOUTS`.
        """
        sizes = {"N": batch, "H": shape[0], "W": shape[1], "C": shape[2]}
        axes = tuple((axis, sizes[axis]) for axis in layout if sizes[axis] != 1)
        return View(tensor, axes, tuple(sizes[axis] for axis in layout))

    @property
    def sizes(self) -> Mapping[str, int]:
        """Size of each axis."""
        return {"N": 1, "C": 1, "H": 1, "W": 1, **dict(self.axes)}

    @property
    def layout(self) -> str | None:
        """Which of :data:`LAYOUTS` it is, if any."""
        size = self.sizes
        for layout in LAYOUTS:
            axes = tuple((axis, size[axis]) for axis in layout if size[axis] != 1)
            if self.shape == tuple(size[axis] for axis in layout) and self.axes == axes:
                return layout
        return None

    def runs(self) -> tuple[str, ...] | None:
        """Axes that each dimension of the shape covers; None if one covers part of an axis."""
        left, found = list(self.axes), []
        for size in self.shape:
            run, covered = "", 1
            while covered < size and left:
                axis, own = left.pop(0)
                run, covered = run + axis, covered * own
            if covered != size:
                return None
            found.append(run)
        return tuple(found)

    def reshaped(self, shape: Sequence[int]) -> View | None:
        """The same numbers in another shape; None if a dimension would cover part of an axis."""
        view = replace(self, shape=tuple(shape))
        return view if prod(shape) == prod(self.shape) and view.runs() is not None else None

    def transposed(self, order: Sequence[int]) -> View:
        """With its dimensions in another order."""
        runs, size = self.runs(), self.sizes
        assert runs is not None  # no view is ever made that has none
        axes = tuple((axis, size[axis]) for at in order for axis in runs[at])
        return replace(self, axes=axes, shape=tuple(self.shape[at] for at in order))

    def features(self) -> str | None:
        """Axes, in order, that a fully connected layer weighs: its last dimension.

        ``C`` of each pixel, or all of a frame; None if it is neither.
        """
        runs = self.runs()
        if not runs:
            return None
        before, last = "".join(runs[:-1]), runs[-1]
        if last in ("C", ""):
            return None if "C" in before else "C"
        return last if before in ("", "N") and "N" not in last else None

    def with_features(self, tensor: str, channels: int) -> View:
        """What a fully connected layer of so many channels makes of it."""
        axes = tuple(pair for pair in self.axes if pair[0] not in (self.features() or ""))
        if channels != 1:
            axes = (*axes, ("C", channels))
        return View(tensor, axes, (*self.shape[:-1], channels))

    def averaged(self, tensor: str, over: Sequence[int], keep: bool) -> View:
        """What a mean over dimensions makes of it.

        Parameters
        ----------
        tensor : str
            The map of means.
        over : sequence of int
            Dimensions that are averaged.
        keep : bool
            Whether those stay, with size 1.
        """
        runs = self.runs() or ()
        gone = "".join(runs[at] for at in over)
        axes = tuple(pair for pair in self.axes if pair[0] not in gone)
        sizes = [1 if at in over else size for at, size in enumerate(self.shape)]
        kept = [size for at, size in enumerate(sizes) if keep or at not in over]
        return View(tensor, axes, tuple(kept))
