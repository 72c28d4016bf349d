"""What an ONNX model is fed."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import onnx
from onnx import helper

from gen.common.errors import RefusedNode
from gen.ir.preprocessing import CHANNELS

MOST_SIDE = (1 << 16) - 1
MOST_PIXELS = 1 << 25
"""Bytes of a frame, which a board's link cuts into at most 65536 packets of 512."""


@dataclass(frozen=True, eq=False)
class ModelInput:
    """The one input of a model.

    Attributes
    ----------
    value : onnx.ValueInfoProto
        As the file has it.
    """

    value: onnx.ValueInfoProto

    @staticmethod
    def of(graph: onnx.GraphProto, constants: Container[str]) -> ModelInput:
        """The one of a graph that is no constant, as old files list these too.

        Raises
        ------
        RefusedNode
            If there are others, or none.
        """
        fed = [value for value in graph.input if value.name not in constants]
        if len(fed) != 1:
            names = ", ".join(value.name for value in fed) or "none"
            raise RefusedNode(
                names, "input", f"is not the only one, there are {len(fed)}; export one input"
            )
        return ModelInput(fed[0])

    @property
    def name(self) -> str:
        """Of the tensor that is fed."""
        return self.value.name

    @property
    def kind(self) -> np.dtype:
        """Type of the numbers that are fed."""
        kind = self.value.type.tensor_type.elem_type
        return np.dtype(helper.tensor_dtype_to_np_dtype(kind))

    @property
    def batch(self) -> int:
        """Frames that are fed at once; one where the model leaves it open."""
        return self.value.type.tensor_type.shape.dim[0].dim_value or 1

    @property
    def layout(self) -> str:
        """``NCHW``, or ``NHWC`` where the last dimension is rather the colours."""
        sizes = [dim.dim_value for dim in self.value.type.tensor_type.shape.dim]
        if len(sizes) != 4 or sizes[1] == 3 or sizes[3] not in CHANNELS:
            return "NCHW"
        return "NHWC" if sizes[3] == 3 or sizes[1] not in CHANNELS else "NCHW"

    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input.

        Raises
        ------
        FirebrickError
            If it is no map of one, three or four channels with a
            fixed size that a board can take.
        """
        shape = [dim.dim_value for dim in self.value.type.tensor_type.shape.dim]
        if len(shape) != 4:
            self._refuse(
                f"has {len(shape)} dimensions; a network on images has four, (batch, 3, height, "
                "width)"
            )
        height, width, channels = (shape[self.layout.index(axis)] for axis in "HWC")
        if channels not in CHANNELS:
            self._refuse(
                f"has shape {shape}; it must be (batch, channels, height, width) or (batch, "
                "height, width, channels), with 1, 3 or 4 channels"
            )
        if height < 1 or width < 1:
            self._refuse("has no fixed height and width; give them with --input-size H,W")
        if height * width * channels > MOST_PIXELS or max(height, width) > MOST_SIDE:
            self._refuse(
                f"has shape {shape}; a frame may have {MOST_PIXELS} bytes and sides of {MOST_SIDE} "
                "pixels: export the model with smaller ones"
            )
        return height, width, channels

    def _refuse(self, told: str) -> NoReturn:
        raise RefusedNode(self.name, "input", told)
