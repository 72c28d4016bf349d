"""How photographs become frames, and what a network expects of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from gen.common.errors import FirebrickError

ByChannel = tuple[float, ...]
"""A number for each channel."""
CHANNELS = (1, 3, 4)
"""What pixels may have: grey, RGB, and RGB with one more."""
COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}
Tables = tuple[tuple[int, ...], ...]
"""For each channel of a frame, the code of each pixel value."""
STRETCH = "stretch"
"""Said in place of a size: resize all of a picture to the network's input, whatever its shape."""


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a frame of raw ``uint8`` pixels, grey, RGB or RGBA.

    The shorter side is resized to ``resize`` pixels, then the centre is cropped to the network's
    input. A picture that is already between the crop and ``resize`` in both directions is only
    cropped. Mean, standard deviation and channel order are inside the first layer's integers.

    Attributes
    ----------
    resize : int
    crop : tuple of int
        Height and width of the network's input.
    stretch : bool
        Resize all of the picture to the crop instead, whatever its shape.
    channels : int
        Of the network's input, one of :data:`CHANNELS`.
    tables : tuple of tuple of int
        Codes that the network is sent in the place of pixels, 256 a channel, at last; empty where
        it is sent the pixels themselves.
    """

    resize: int
    crop: tuple[int, int]
    stretch: bool = False
    channels: int = 3
    tables: Tables = ()

    @property
    def raw(self) -> Preprocessing:
        """The same up to the pixels, without what turns them into codes."""
        return replace(self, tables=())

    def coded(self, pixels: np.ndarray) -> np.ndarray:
        """What the network is sent of raw pixels, uint8 arrays (..., channels) both."""
        if not self.tables:
            return pixels
        tables = np.array(self.tables, np.uint8)
        return np.stack([table[pixels[..., at]] for at, table in enumerate(tables)], axis=-1)

    @property
    def resizing(self) -> str:
        """The size in words that :meth:`resized` takes."""
        return STRETCH if self.stretch else str(self.resize)

    def resized(self, text: str, name: str) -> Preprocessing:
        """The same with another size.

        Parameters
        ----------
        text : str
            Pixels of a photograph's shorter side, or :data:`STRETCH`.
        name : str
            Of what says so, for messages.

        Raises
        ------
        FirebrickError
            If it is something else, or less than the crop.
        """
        short = min(self.crop)
        if text == STRETCH:
            return replace(self, resize=short, stretch=True)
        if not (text.isascii() and text.isdigit() and short <= int(text) < 1 << 16):
            raise FirebrickError(
                f"{name} {text}: give the pixels of a photograph's shorter side, {short} or more "
                f"for this network, or `{STRETCH}` for all of it, whatever its shape"
            )
        return replace(self, resize=int(text), stretch=False)

    def described(self) -> str:
        """What is done, for people."""
        size = "x".join(map(str, self.crop))
        end = ", pixels to codes by a table" if self.tables else ""
        if self.stretch:
            return f"all of the picture stretched to {size}{end}"
        return f"shorter side to {self.resize}, middle {size}{end}"


@dataclass(frozen=True)
class Normalisation:
    """What a float network expects: ``(pixel - mean) / std`` for pixels of 0 to 255.

    Attributes
    ----------
    mean, std : tuple of float
        One a channel, in the network's channel order.
    channel_order : "RGB" or "BGR"
        The network's; frames are always RGB. A fourth channel stays where it is.

    Raises
    ------
    FirebrickError
        If there are not as many means as positive deviations, or not those of :data:`CHANNELS`, or
        the order is another.
    """

    mean: ByChannel = (0.0, 0.0, 0.0)
    std: ByChannel = (1.0, 1.0, 1.0)
    channel_order: str = "RGB"

    def __post_init__(self) -> None:
        count = len(self.mean)
        if count not in CHANNELS or len(self.std) != count or not all(s > 0 for s in self.std):
            raise FirebrickError(
                f"input normalisation needs 3 means and 3 positive standard deviations, or 1 or 4, "
                f"not {self.mean} and {self.std}"
            )
        if self.channel_order not in ("RGB", "BGR"):
            raise FirebrickError(f"channel order {self.channel_order!r} is neither RGB nor BGR")

    def of_channels(self, count: int) -> Normalisation:
        """The same for pixels of so many channels, if it is alike for all or has as many.

        Raises
        ------
        FirebrickError
            If not.
        """
        mean, std = (_spread(values, count) for values in (self.mean, self.std))
        if not len(mean) == len(std) == count:
            raise FirebrickError(
                f"mean {_said(self.mean)} and standard deviation {_said(self.std)} are of "
                f"{len(self.mean)} channels, but the network's pixels have {count}; give --mean "
                "and --std of that many, or `--preprocess unit`"
            )
        return replace(self, mean=mean, std=std)

    @property
    def order(self) -> list[int]:
        """Which channel of a frame each of the network's is."""
        count = len(self.mean)
        return (
            [2, 1, 0, 3][:count] if self.channel_order == "BGR" and count > 1 else [*range(count)]
        )

    @staticmethod
    def preset(name: str) -> Normalisation:
        """The preset of that name, one of ``PRESETS``.

        Raises
        ------
        FirebrickError
            If there is none.
        """
        if name not in PRESETS:
            raise FirebrickError(
                f"unknown input normalisation {name!r}; known are {', '.join(PRESETS)}"
            )
        return PRESETS[name]

    @staticmethod
    def from_metadata(metadata: Mapping[str, str]) -> Normalisation | None:
        """What a model file says in ``mean``, ``std`` and ``channel_order``, or ``None``.

        Fractions are of the range of pixels from 0 to 1, as torchvision has them.

        Raises
        ------
        FirebrickError
            If what it says is not understood.
        """
        if not {"mean", "std", "channel_order"} & metadata.keys():
            return None
        mean, std = (
            by_channel(f"model metadata {key!r}", metadata.get(key), default)
            for key, default in (("mean", 0.0), ("std", 1.0))
        )
        order = metadata.get("channel_order", "RGB").strip().upper()
        return replace(Normalisation.of_any_pixels(mean, std), channel_order=order)

    @staticmethod
    def of(mean: ByChannel, std: ByChannel) -> Normalisation:
        """Of both; where one is alike for all channels, it is for as many as the other has."""
        return Normalisation(_spread(mean, len(std)), _spread(std, len(mean)))

    @staticmethod
    def of_any_pixels(mean: ByChannel, std: ByChannel) -> Normalisation:
        """Mean and deviation of pixels of 0 to 255, or of 0 to 1 if any is a fraction.


        Raises
        ------
        FirebrickError
            If one is a fraction and another more than 1.
        """
        if not any(0 < value < 1 for value in (*mean, *std)):
            return Normalisation.of(mean, std)
        if max(*mean, *std) > 1:
            raise FirebrickError(
                f"mean {_said(mean)} and standard deviation {_said(std)} are not of the same "
                "pixels, 0 to 1 or 0 to 255; say what the network expects with --mean, --std and "
                "--scale, or with --preprocess"
            )
        return Normalisation.of(scaled(mean, 255), scaled(std, 255))

    def described(self) -> str:
        """What the network expects, for people."""
        count = len(self.mean)
        colours = COLOURS[count].replace("RGB", self.channel_order)
        return f"{colours}, mean {_said(self.mean)}, deviation {_said(self.std)}"


@dataclass(frozen=True)
class Expected:
    """What a user says that a network expects of pixels; None where nothing is said."""

    normalisation: Normalisation | None = None
    channel_order: str | None = None


UNSAID = Expected()
PRESETS = {
    "imagenet": Normalisation(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), std=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
    "caffe": Normalisation(mean=(104.0, 117.0, 123.0), channel_order="BGR"),
    "tf": Normalisation(mean=(127.5,) * 3, std=(127.5,) * 3),
    "unit": Normalisation(std=(255.0,) * 3),
    "raw": Normalisation(),
    "cifar10": Normalisation(
        mean=(0.4914 * 255, 0.4822 * 255, 0.4465 * 255),
        std=(0.2023 * 255, 0.1994 * 255, 0.2010 * 255),
    ),
}
"""``imagenet``: torchvision and the ONNX zoo; ``caffe``: BGR minus the mean; ``tf``: pixels of -1
to 1; ``unit``: of 0 to 1; ``raw``: as they are; ``cifar10``: CIFAR-10's mean and the deviation that
is customary with it."""
WITHOUT_MARGIN = ("cifar10",)
"""Presets for which photographs lose no margin, however large the network's input is."""
SMALLEST_WITH_MARGIN = 128
"""Pixels of the shorter side of the smallest input for which photographs lose a margin."""
ASSUMED = {1: "unit", 3: "imagenet", 4: "unit"}
"""Normalisation of a float model whose file carries none, by its channels."""


def by_channel(name: str, text: str | None, default: float) -> ByChannel:
    """Numbers from text with commas, three or four, or one for all.

    Parameters
    ----------
    name : str
        For messages.
    text : str or None
    default : float
        If there is none.

    Raises
    ------
    FirebrickError
        If it is something else.
    """
    if text is None:
        return (default,) * 3
    try:
        numbers = [float(part) for part in text.strip("[]() ").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) not in CHANNELS or not all(map(isfinite, numbers)):
        raise FirebrickError(
            f"{name} is {text!r}, not three numbers with commas (four for RGBA), or one for all"
        )
    return tuple(numbers)


def scaled(values: ByChannel, factor: float) -> ByChannel:
    """Each times a factor."""
    return tuple(value * factor for value in values)


def _spread(values: ByChannel, count: int) -> ByChannel:
    """One number for so many channels, if it is the same for all."""
    return values[:1] * count if len(set(values)) == 1 else values


def _said(values: ByChannel) -> str:
    """One number if all are the same."""
    return ",".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values))


def default_preprocessing(height: int, width: int, channels: int = 3) -> Preprocessing:
    """The customary preprocessing: photographs lose a margin (256 to 224), thumbnails do not.

    Parameters
    ----------
    height, width, channels : int
        Of the network's input.
    """
    short = min(height, width)
    resize = with_margin(short) if short >= SMALLEST_WITH_MARGIN else short
    return Preprocessing(resize=resize, crop=(height, width), channels=channels)


def with_margin(short: int) -> int:
    """A photograph's shorter side around a network's: an eighth more, in steps of 32 pixels."""
    return max(short, short * 8 // 7 // 32 * 32)
