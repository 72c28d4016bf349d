"""Reading SqueezeNet v1.0 as the Deep Compression authors published it: pruned, weights shared.

S. Han et al., "Deep compression", 2016. All numbers are little endian; convolutions come in the
network's order:

- for each convolution the number of stored weights, 32 bits;
- then for each convolution its codebook (256 float32, the first one zero), its biases (float32),
  the stored weights' codes (8 bits each), and how many weights before each are zero (4 bits each,
  the first in the low half of a byte). Where more than 15 in a row are zero, a stored zero fills
  in.

Weights are in Caffe's order: output channel, input channel, row, column.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Concat, FloatConv, FloatOp, GlobalSum, MaxPool, SharedConv

SUFFIX = ".net"
CODEBOOK = 256
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Channels of fire2 to fire9: of the squeeze layer, and of each expand layer."""
POOL_BEHIND = ("fire4", "fire8")
CLASSES = 1000
METADATA = {"mean": "104,117,123", "channel_order": "BGR"}


def load_compressed(path: str | Path) -> FloatGraph:
    """Read a Deep Compression file of SqueezeNet v1.0.

    Parameters
    ----------
    path : path

    Returns
    -------
    FloatGraph
        Of convolutions with shared weights: quantise with ``rounding="shared"`` to keep the codes,
        for a codebook of integers.

    Raises
    ------
    FirebrickError
        If the file is missing or is something else.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FirebrickError(f"{path}: cannot read it ({error.strerror})") from None
    ops = _empty_network()
    reader = _Reader(data, path)
    stored = iter(reader.take(np.dtype("<u4"), sum(isinstance(op, FloatConv) for op in ops)))
    filled = [reader.fill(op, int(next(stored))) if isinstance(op, FloatConv) else op for op in ops]
    reader.end()
    return FloatGraph(path.stem, (227, 227, 3), tuple(filled), dict(METADATA))


def _empty_network() -> list[FloatOp]:
    """SqueezeNet v1.0's layers, all weights zero."""
    ops: list[FloatOp] = [_conv("conv1", INPUT, 3, 96, 7, stride=2)]
    ops.append(MaxPool("pool1", ("conv1",), 3, 2, ceil=True))
    channels = 96
    for number, (squeeze, expand) in enumerate(FIRES, start=2):
        fire, x = f"fire{number}", ops[-1].name
        ops.append(_conv(f"{fire}_squeeze1x1", x, channels, squeeze, 1))
        branches = (f"{fire}_expand1x1", f"{fire}_expand3x3")
        ops.append(_conv(branches[0], f"{fire}_squeeze1x1", squeeze, expand, 1))
        ops.append(_conv(branches[1], f"{fire}_squeeze1x1", squeeze, expand, 3, pad=1))
        ops.append(Concat(f"{fire}_concat", branches))
        if fire in POOL_BEHIND:
            ops.append(MaxPool(f"pool{number}", (ops[-1].name,), 3, 2, ceil=True))
        channels = 2 * expand
    ops.append(_conv("conv10", ops[-1].name, channels, CLASSES, 1, pad=1))
    return [*ops, GlobalSum("pool10", ("conv10",))]


def _conv(
    name: str, x: str, cin: int, cout: int, kernel: int, stride: int = 1, pad: int = 0
) -> FloatConv:
    weights = np.zeros((cout, kernel, kernel, cin), np.float32)
    return FloatConv(name, (x,), weights, np.zeros(cout, np.float32), stride, (pad,) * 4, relu=True)


class _Reader:
    """Takes arrays off a file's bytes, one after another."""

    def __init__(self, data: bytes, path: Path):
        self._data, self._path, self._at = data, path, 0

    def take(self, dtype: np.dtype, count: int) -> np.ndarray:
        size = dtype.itemsize * count
        if self._at + size > len(self._data):
            raise self._error(f"ends after {len(self._data)} bytes, in the middle of a layer")
        taken = np.frombuffer(self._data, dtype, count, self._at)
        self._at += size
        return taken

    def end(self) -> None:
        if self._at != len(self._data):
            raise self._error(f"has {len(self._data) - self._at} bytes too many")

    def fill(self, op: FloatConv, stored: int) -> SharedConv:
        """The layer with the codes, codebook and biases that come next."""
        cout, kernel, _, cin = op.weights.shape
        if not 0 < stored <= op.weights.size:
            raise self._error(f"stores {stored} weights for {op.name}, of {op.weights.size}")
        codebook = self.take(np.dtype("<f4"), CODEBOOK)
        bias = self.take(np.dtype("<f4"), cout)
        codes = self.take(np.dtype("u1"), stored)
        pairs = self.take(np.dtype("u1"), (stored + 1) // 2)
        zeros = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1)[:stored]
        positions = np.cumsum(zeros.astype(np.int64) + 1) - 1
        finite = np.isfinite(codebook).all() and np.isfinite(bias).all()
        if positions[-1] >= op.weights.size or codebook[0] != 0 or not finite:
            raise self._error(f"holds no weights for {op.name} where they should be")
        flat = np.zeros(op.weights.size, np.uint8)
        flat[positions] = codes
        whole = flat.reshape(cout, cin, kernel, kernel).transpose(0, 2, 3, 1)
        return SharedConv.of(op, np.ascontiguousarray(whole), codebook.copy(), bias.copy())

    def _error(self, what: str) -> FirebrickError:
        return FirebrickError(
            f"{self._path}: {what}; only SqueezeNet v1.0 as its authors compressed it can be read"
        )
