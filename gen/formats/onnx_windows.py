"""Windows that slide over a map in ONNX: kernels, strides, padding, and pools."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from gen.formats.onnx_node import attributes, refuse

Sides = tuple[int, int, int, int]
"""Top, left, bottom, right."""


@dataclass(frozen=True)
class Window:
    """Kernel (rows, columns), stride and padding of a layer that slides over a map."""

    kernel: tuple[int, int]
    stride: int
    pad: Sides


@dataclass(frozen=True)
class Pool:
    """A square window of a pool; ``ceil`` cuts windows that reach past the bottom or right."""

    kernel: int
    stride: int
    ceil: bool = False
    pad: Sides = (0, 0, 0, 0)


def read_window(
    node: onnx.NodeProto, shape: tuple[int, int, int], kernel: tuple[int, int] | None = None
) -> Window:
    """The window of a Conv or pool node on an input of ``shape``.

    Parameters
    ----------
    node : onnx.NodeProto
    shape : tuple of int
        Height, width, channels of its input.
    kernel : tuple of int or None
        Rows and columns of the weights; the attribute may then be left out.

    Raises
    ------
    FirebrickError
        If the kernel is not the weights' or is not given at all, strides differ, pads are negative,
        or there are dilations.
    """
    values = attributes(node)
    sides = tuple(int(side) for side in values.get("kernel_shape", kernel or ()))
    strides = values.get("strides", [1, 1])
    if len(sides) != 2:
        refuse(node, f"kernel_shape {list(sides)} is not two sides, rows and columns; give both")
    if kernel is not None and sides != kernel:
        weights = "{} by {}".format(*kernel)
        refuse(node, f"kernel_shape {list(sides)} for weights of {weights}")
    if len(strides) != 2 or strides[0] != strides[1] or strides[0] < 1:
        refuse(node, f"strides {list(strides)} differ; equal ones down and across are supported")
    if any(step != 1 for step in values.get("dilations", [1, 1])):
        refuse(
            node,
            f"dilations {list(values['dilations'])} are not supported; a larger kernel with zeros "
            "between its weights is",
        )
    window = Window(sides, int(strides[0]), (0, 0, 0, 0))
    pad = _pads(node, shape, window)
    if len(pad) != 4 or min(pad) < 0:
        refuse(node, f"pads {list(pad)} are not supported; four from 0 up are")
    return Window(window.kernel, window.stride, pad)


def _pads(node: onnx.NodeProto, shape: tuple[int, int, int], window: Window) -> Sides:
    """What a node pads, by whatever attribute says so."""
    values = attributes(node)
    auto = values.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return _same_pad(shape, window, auto == "SAME_UPPER")
    explicit = values.get("pads", [0] * 4) if auto == "NOTSET" else [0] * 4
    return tuple(int(p) for p in explicit)  # type: ignore[return-value]  # its length is checked


def _same_pad(shape: tuple[int, int, int], window: Window, upper: bool) -> Sides:
    """Padding that makes the output ceil(input / stride) long."""
    begins, ends = [], []
    for size, kernel in zip(shape, window.kernel, strict=False):
        total = max((-(-size // window.stride) - 1) * window.stride + kernel - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if upper else large)
        ends.append(large if upper else small)
    return begins[0], begins[1], ends[0], ends[1]


def read_max_pool(
    node: onnx.NodeProto, shape: tuple[int, int, int], around: Sides = (0, 0, 0, 0)
) -> Pool:
    """The window of a MaxPool node; padding that amounts to ceil mode, or to nothing, is that.

    Parameters
    ----------
    node : onnx.NodeProto
    shape : tuple of int
        Height, width, channels of its input, without what a Pad in front of it adds.
    around : tuple of int
        What that adds; it must be no larger than any pixel.

    Raises
    ------
    FirebrickError
        As :func:`read_window` does; also if the kernel is not square, larger than the padded input,
        or not larger than the padding.
    """
    pool, counts = _read_pool(node, shape, around)
    if not (pool.pad[0] or pool.pad[1]):
        for ceil in (False, True) if pool.kernel >= pool.stride else (False,):
            whole = tuple(_windows(size, pool.kernel, pool.stride, ceil) for size in shape[:2])
            if counts == whole and min(shape[:2]) >= pool.kernel:
                return Pool(pool.kernel, pool.stride, ceil)
    return pool


def read_average_pool(
    node: onnx.NodeProto, shape: tuple[int, int, int], around: Sides = (0, 0, 0, 0)
) -> Pool:
    """The window of an AveragePool node, which divides by all its pixels everywhere.

    Parameters
    ----------
    node : onnx.NodeProto
    shape : tuple of int
        Height, width, channels of its input, without what a Pad in front of it adds.
    around : tuple of int
        What that adds.

    Raises
    ------
    FirebrickError
        As :func:`read_max_pool` does; also if it divides by something else at the edges.
    """
    pool, counts = _read_pool(node, shape, around)
    values = attributes(node)
    sizes = _around(shape, around)
    own = read_window(node, sizes).pad
    for axis in (0, 1):
        padded = sizes[axis]
        reach = (counts[axis] - 1) * pool.stride + pool.kernel
        if reach > padded + own[axis] + own[axis + 2]:
            refuse(node, "ceil_mode cuts its last window; pad with count_include_pad=1 instead")
        if (own[axis] or reach > padded + own[axis]) and not values.get("count_include_pad", 0):
            refuse(
                node,
                f"pads {list(own)} with count_include_pad=0, so that it divides by fewer pixels at "
                "the edges; count_include_pad=1, or no padding, is supported",
            )
    return pool


def _read_pool(
    node: onnx.NodeProto, shape: tuple[int, int, int], around: Sides
) -> tuple[Pool, tuple[int, int]]:
    """A pool's window, its padding cut down to what windows reach; and how many there are."""
    window = read_window(node, _around(shape, around))
    (kernel, columns), stride = window.kernel, window.stride
    if kernel != columns:
        refuse(node, f"kernel {[kernel, columns]} is not square; square ones are supported")
    ceil_mode = bool(attributes(node).get("ceil_mode", 0))
    begins, ends, counts = [], [], []
    for axis in (0, 1):
        begin = window.pad[axis] + around[axis]
        size = shape[axis] + begin + window.pad[axis + 2] + around[axis + 2]
        if size < kernel or kernel < 1:
            refuse(node, f"kernel {kernel} is larger than its input {shape}, or empty")
        count = _windows(size, kernel, stride, ceil_mode)
        if (count - 1) * stride >= shape[axis] + begin:
            count -= 1  # a window of nothing but padding at the end is none
        begins.append(begin)
        ends.append(max((count - 1) * stride + kernel - shape[axis] - begin, 0))
        counts.append(count)
    pad = (begins[0], begins[1], ends[0], ends[1])
    if max(pad) >= kernel:
        refuse(node, f"pads {list(pad)}: only less than its kernel of {kernel} is supported")
    return Pool(kernel, stride, pad=pad), (counts[0], counts[1])


def _around(shape: tuple[int, int, int], pad: Sides) -> tuple[int, int, int]:
    """Shape of a map with pixels around it."""
    top, left, bottom, right = pad
    return shape[0] + top + bottom, shape[1] + left + right, shape[2]


def _windows(size: int, kernel: int, stride: int, ceil: bool) -> int:
    span = size - kernel
    return (-(-span // stride) if ceil else span // stride) + 1


def whole_map(node: onnx.NodeProto, shape: tuple[int, int, int]) -> bool:
    """Whether a GlobalAveragePool or AveragePool covers the whole of its map, of ``shape``."""
    if node.op_type == "GlobalAveragePool":
        return True
    values = attributes(node)
    kernel = tuple(values.get("kernel_shape", ()))
    auto = values.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    return kernel == shape[:2] and auto and not any(values.get("pads", ()))
