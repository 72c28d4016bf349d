"""Streams of pixels: the one interface between all units.

A frame travels pixel by pixel in raster order, each pixel as ``channels / lanes`` transfers of
``lanes`` neighbouring channels. A producer holds ``valid`` and ``payload`` until the transfer, and
``valid`` never waits for ``ready``. Frames follow each other without markers: every unit counts.
"""

from amaranth.hdl import Shape
from amaranth.lib import data, stream


def lane_stream(lanes: int, shape: Shape) -> stream.Signature:
    """Signature of a stream of ``lanes`` values of ``shape`` a transfer.

    Lane 0 is the lowest channel and the payload's least significant bits.

    Raises
    ------
    ValueError
        If ``lanes`` is below 1.
    """
    if lanes < 1:
        raise ValueError(f"a stream needs at least one lane, not {lanes}")
    return stream.Signature(data.ArrayLayout(shape, lanes))
