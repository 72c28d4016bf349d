"""What the codes that a quantised network reads are of the pixels of a photograph.

A network may quantise normalised pixels with a scale of its own. Each of the 256 values of a
channel's pixels then becomes one code, and a table has them: the host applies it before it sends a
frame. Where code and pixel are the same there is no table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from gen.common.errors import FirebrickError
from gen.formats.onnx_node import refuse
from gen.formats.onnx_pixels import PixelMap
from gen.formats.qdq_front import Front
from gen.formats.qdq_scales import Scale, code_limits
from gen.ir.preprocessing import ASSUMED, CHANNELS, PRESETS, Expected, Normalisation, Tables

PIXELS = np.arange(256, dtype=np.float32)
CLOSE = 0.2
"""Part of its range by which a customary normalisation may miss what the input's codes reach."""
FAR = 8.0
"""How many times wider or narrower than the codes' values what somebody says may be."""
TABLES = "pixel_tables"
"""Metadata of a model that is fed codes: by which table pixels become these, as JSON."""


@dataclass(frozen=True, eq=False)
class Entry:
    """How pixels become the codes that a network reads.

    Attributes
    ----------
    normalisation : Normalisation or None
        What the network expects; None where codes are fed that are the pixels.
    source : str
        Who says so, for people.
    order : int array (channels,)
        For each of the network's channels, the channel of a frame that it reads.
    front : PixelMap or None
        What the graph itself does to pixels before it quantises them.
    requantised : Front or None
        What it does to them where it quantises them more than once.
    """

    normalisation: Normalisation | None
    source: str
    order: np.ndarray
    front: PixelMap | None = None
    requantised: Front | None = None

    def framed(self, values: np.ndarray) -> np.ndarray:
        """Values (..., channels) of the network's channels, in the order of a frame's."""
        return values[..., np.argsort(self.order)]

    def tables(self, scale: Scale, zeros: np.ndarray) -> Tables:
        """Codes of all pixel values, by channel of a frame; empty where they are the pixels.

        Parameters
        ----------
        scale : Scale
            Of the input.
        zeros : int array (channels,)
            Code of zero of each of the network's channels, counted from the smallest code.
        """
        if self.normalisation is None:
            return ()
        if self.requantised is not None:
            codes = self.requantised.codes(self._values()) - scale.zero_point + zeros
        else:
            steps = self._values() / np.float32(scale.scale)
            codes = np.clip(np.rint(steps) + zeros, scale.low + zeros, scale.high + zeros)
        codes = self.framed(codes).astype(np.uint8).T
        if (codes == PIXELS).all():
            return ()
        return tuple(tuple(row.tolist()) for row in codes)

    def _values(self) -> np.ndarray:
        """What each pixel value becomes before it is quantised, float32 (256, channels)."""
        assert self.normalisation is not None
        mean, std = (
            np.array(part, np.float32) for part in (self.normalisation.mean, self.normalisation.std)
        )
        fed = (PIXELS[:, None] - mean) / std
        if self.front is None:
            return fed
        read = np.abs(self.front.matrix).argmax(axis=1)
        gain = self.front.matrix[np.arange(len(read)), read]
        return (fed[:, read] * gain + self.front.offset).astype(np.float32)


def read_entry(
    node: onnx.NodeProto,
    scale: Scale,
    expected: Expected,
    metadata: Mapping[str, str],
    *,
    fed: bool = False,
    front: PixelMap | None = None,
    channels: int = 3,
) -> Entry:
    """How pixels become codes at a node that quantises or decodes the input.

    Parameters
    ----------
    node : onnx.NodeProto
    scale : Scale
        What it says.
    expected : Expected
        What the user says.
    metadata : mapping of str
        What the model says.
    fed : bool
        Codes are fed: they are the pixels unless somebody says what else.
    front : PixelMap or None
        What the graph does to pixels before.
    channels : int
        Of a frame.

    Raises
    ------
    FirebrickError
        If nobody says, and the codes reach no values of a customary normalisation; or if the graph
        mixes channels or pads before it quantises.
    """
    found, source = _normalisation(
        node, scale, expected, metadata, fed=fed, front=front, channels=channels
    )
    own = "RGB" if found is None else found.channel_order
    said = expected.channel_order or metadata.get("channel_order", own).strip().upper()
    if found is not None:
        found = replace(found.of_channels(channels), channel_order=said)
        source = f"{found.described()}; {source}"
    whole = Normalisation(channel_order=said).of_channels(channels)
    order = np.array(whole.order)
    return Entry(found, source, order if front is None else order[_channels(node, front)], front)


def _normalisation(
    node: onnx.NodeProto,
    scale: Scale,
    expected: Expected,
    metadata: Mapping[str, str],
    *,
    fed: bool,
    front: PixelMap | None,
    channels: int,
) -> tuple[Normalisation | None, str]:
    """What the network expects, but for the order of channels, and who says so."""
    told, source = expected.normalisation, "given"
    if told is None and {"mean", "std"} & metadata.keys():
        told, source = Normalisation.from_metadata(metadata), "as the model's metadata says"
    if told is not None:
        if front is None:
            _check_reach(node, scale, told)
        return told, source
    if fed:
        return None, "raw pixels are fed"
    if front is not None:
        white = front.white
        return Normalisation(std=(255 / white,) * 3), f"the model takes pixels of 0 to {white:g}"
    name = _customary(scale, channels)
    if name is None:
        least, most = scale.low * scale.scale, scale.high * scale.scale
        refuse(
            node,
            f"the input's codes (scale {scale.scale:g}, values {least:.4g} to {most:.4g}) are not "
            "the raw pixels, nor those of a customary normalisation; say what the network expects "
            "with --mean and --std, or --preprocess",
        )
    return PRESETS[name], f"{name}, assumed from the input's scale; --preprocess, --mean to change"


def _check_reach(node: onnx.NodeProto, scale: Scale, told: Normalisation) -> None:
    """Refuse pixels that would use hardly any of the codes, or saturate nearly all of them."""
    least, most = _ends(told)
    low, high = scale.low * scale.scale, scale.high * scale.scale
    if 1 / FAR < (most - least) / (high - low) < FAR and low < most and least < high:
        return
    refuse(
        node,
        f"with mean and deviation as said ({told.described()}) pixels are {least + 0:.4g} to "
        f"{most:.4g}, but the input's codes {low:.4g} to {high:.4g}; leave out --mean, --std and "
        "--preprocess, or say others",
    )


def _ends(normalisation: Normalisation) -> tuple[float, float]:
    """Smallest and largest value of a pixel."""
    mean, std = np.array(normalisation.mean), np.array(normalisation.std)
    return float((-mean / std).min()), float(((255 - mean) / std).max())


def _customary(scale: Scale, channels: int) -> str | None:
    """The preset whose values the codes reach best, the usual one first; None if none is near."""
    usual = ASSUMED[channels]
    names = [usual, *(name for name in PRESETS if name != usual and _is_for(name, channels))]
    misses = {name: _miss(PRESETS[name], scale) for name in names}
    best = min(names, key=misses.__getitem__)
    best = usual if misses[usual] < CLOSE and misses[best] > misses[usual] / 4 else best
    if misses[best] < CLOSE:
        return best
    return usual if _needs_power_of_two(PRESETS[usual], scale) else None


def _needs_power_of_two(normalisation: Normalisation, scale: Scale) -> bool:
    """Whether a scale is the least power of two by which symmetric codes hold what pixels are."""
    largest = max(map(abs, _ends(normalisation)))
    needed = 2.0 ** np.ceil(np.log2(largest / scale.high))
    return scale.low == -scale.high - 1 and scale.scale == needed


def _is_for(name: str, channels: int) -> bool:
    """Whether a preset can be one of pixels of so many channels: it has as many, or one for all."""
    preset = PRESETS[name]
    return channels == len(preset.mean) or len({*zip(preset.mean, preset.std, strict=True)}) == 1


def _miss(normalisation: Normalisation, scale: Scale) -> float:
    """By how much of its range a normalisation and the codes' values end elsewhere."""
    ends = np.array(_ends(normalisation))
    reached = np.array([scale.low, scale.high]) * scale.scale
    return float(np.abs(reached - ends).max() / np.ptp(ends))


def _channels(node: onnx.NodeProto, front: PixelMap) -> np.ndarray:
    """The fed channel that each channel is made of."""
    used = np.abs(front.matrix) > 0
    if (
        len(set(front.matrix.shape)) != 1
        or (used.sum(axis=0) != 1).any()
        or (used.sum(axis=1) != 1).any()
    ):
        refuse(node, "quantises mixed colours; only each channel by itself can be")
    if any(front.pad):
        refuse(node, "quantises padded pixels; let the first convolution pad")
    channels: np.ndarray = used.argmax(axis=1)
    return channels


def fed_codes(
    node: onnx.NodeProto,
    scale: np.ndarray | None,
    zero: np.ndarray | None,
    kind: np.dtype,
    channels: int,
) -> tuple[Scale, np.ndarray]:
    """The scale of codes that are fed, and their codes of zero, counted from the smallest.

    Parameters
    ----------
    node : onnx.NodeProto
        The DequantizeLinear that reads them.
    scale, zero : array or None
        What it says; there may be a zero point a channel.
    kind : np.dtype
        Of the input.
    channels : int
        Of a frame.

    Raises
    ------
    FirebrickError
        If they are not codes of 8 bits with one scale.
    """
    zero = np.zeros((), kind) if zero is None else zero
    if scale is None or np.ptp(scale) != 0 or kind not in (np.uint8, np.int8) or zero.dtype != kind:
        refuse(
            node,
            "decodes an input of other codes than it says; uint8 or int8 codes with one scale, and "
            "zero points of that type, are supported",
        )
    zeros = np.broadcast_to(zero.reshape(-1), channels).astype(np.int64)
    said = Scale.read(node, float(scale.reshape(-1)[0]), int(zeros[0]), kind)
    return said, zeros - code_limits(kind)[0]


def stored_tables(metadata: Mapping[str, str]) -> Tables:
    """Tables that a model's metadata has for codes that are fed.

    Raises
    ------
    FirebrickError
        If they are no table of 256 codes for each channel.
    """
    if TABLES not in metadata:
        return ()
    try:
        rows = tuple(tuple(int(code) for code in row) for row in json.loads(metadata[TABLES]))
    except (RecursionError, TypeError, ValueError):
        rows = ()
    whole = len(rows) in CHANNELS and all(len(row) == 256 for row in rows)
    if not whole or not all(0 <= code < 256 for row in rows for code in row):
        raise FirebrickError(
            f"model metadata {TABLES!r} is no JSON list of 256 codes for each channel; "
            "export the network again"
        )
    return rows
