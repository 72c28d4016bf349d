"""Fully connected layers in ONNX: what Gemm and MatMul weigh, as weights of a convolution."""

from __future__ import annotations

import numpy as np
import onnx

from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_views import View


def read_matrix(node: onnx.NodeProto, matrix: np.ndarray) -> np.ndarray:
    """Weights (outputs, inputs) of a Gemm or MatMul whose second input is ``matrix``.

    Raises
    ------
    FirebrickError
        If it is no matrix, or the first input is transposed.
    """
    values = attributes(node)
    if matrix.ndim != 2:
        refuse(node, f"its weights have shape {list(matrix.shape)}; a matrix is supported")
    if values.get("transA", 0):
        refuse(node, "transA is not supported; transpose its weights instead")
    return matrix if values.get("transB", 0) else matrix.T


def as_kernels(node: onnx.NodeProto, matrix: np.ndarray, view: View) -> np.ndarray:
    """Weights (outputs, inputs) as a convolution's (Cout, KH, KW, Cin).

    Parameters
    ----------
    node : onnx.NodeProto
    matrix : array (outputs, inputs)
    view : View
        What the node reads: each pixel's channels, or the whole of a frame in any order.

    Raises
    ------
    FirebrickError
        If the inputs are neither, or are more or fewer than the weights are for.
    """
    features = view.features()
    if features is None:
        refuse(
            node,
            f"its input of shape {list(view.shape)} is neither a frame nor a pixel's channels; "
            "flatten the map first",
        )
    order = [*features, *(axis for axis in "HWC" if axis not in features)]
    sizes = [view.sizes[axis] if axis in features else 1 for axis in order]
    if matrix.shape[1] != int(np.prod(sizes)):
        refuse(node, f"weights for {matrix.shape[1]} inputs, but there are {int(np.prod(sizes))}")
    kernels = matrix.reshape(len(matrix), *sizes)
    return np.ascontiguousarray(kernels.transpose(0, *(1 + order.index(a) for a in "HWC")))
