"""How photographs become frames, and what a network expects of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gen.common.errors import FirebrickError


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a frame of raw RGB ``uint8`` pixels.

    The shorter side is resized to ``resize`` pixels, then the centre is cropped to the network's
    input. A picture that is already between the crop and ``resize`` in both directions is only
    cropped. Mean, standard deviation and channel order are inside the first layer's integers.
    """

    resize: int
    crop: tuple[int, int]


@dataclass(frozen=True)
class Normalisation:
    """What a float network expects: ``(pixel - mean) / std`` for pixels of 0 to 255.

    Attributes
    ----------
    mean, std : tuple of float
        One a channel, in the network's channel order.
    channel_order : "RGB" or "BGR"
        The network's; frames are always RGB.

    Raises
    ------
    FirebrickError
        If there are not three means and three positive deviations, or the order is another.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channel_order: str = "RGB"

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or not all(s > 0 for s in self.std):
            raise FirebrickError(
                f"input normalisation needs 3 means and 3 positive standard deviations, not "
                f"{self.mean} and {self.std}"
            )
        if self.channel_order not in ("RGB", "BGR"):
            raise FirebrickError(f"channel order {self.channel_order!r} is neither RGB nor BGR")

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
        order = metadata.get("channel_order", "RGB").strip().upper()
        mean, std = _triple(metadata, "mean", 0.0), _triple(metadata, "std", 1.0)
        if not any(0 < value < 1 for value in (*mean, *std)):
            return Normalisation(mean, std, order)
        if max(*mean, *std) > 1:
            raise FirebrickError(
                f"model metadata: mean {metadata.get('mean', '0')} and std "
                f"{metadata.get('std', '1')} are not of the same pixels, 0 to 1 or 0 to 255; mend "
                "them, or say what the network expects with --preprocess"
            )
        return Normalisation(_of_255(mean), _of_255(std), order)


PRESETS = {
    "imagenet": Normalisation(
        mean=(0.485 * 255, 0.456 * 255, 0.406 * 255), std=(0.229 * 255, 0.224 * 255, 0.225 * 255)
    ),
    "caffe": Normalisation(mean=(104.0, 117.0, 123.0), channel_order="BGR"),
    "raw": Normalisation(),
}
"""``imagenet``: torchvision and the ONNX zoo; ``caffe``: BGR minus the mean; ``raw``: as is."""
ASSUMED = "imagenet"
"""Normalisation of a float model whose file carries none."""


def _of_255(values: tuple[float, float, float]) -> tuple[float, float, float]:
    """From pixels of 0 to 1 to pixels of 0 to 255."""
    red, green, blue = values
    return 255 * red, 255 * green, 255 * blue


def _triple(metadata: Mapping[str, str], key: str, default: float) -> tuple[float, float, float]:
    if key not in metadata:
        return (default,) * 3
    try:
        a, b, c = (float(part) for part in metadata[key].strip("[]() ").split(","))
    except ValueError:
        raise FirebrickError(
            f"model metadata {key!r} is {metadata[key]!r}, not three numbers with commas"
        ) from None
    return a, b, c


def default_preprocessing(height: int, width: int) -> Preprocessing:
    """The customary preprocessing: photographs lose a margin (256 to 224), thumbnails do not."""
    short = min(height, width)
    margin = short * 8 // 7 // 32 * 32 if short >= 128 else short
    return Preprocessing(resize=max(short, margin), crop=(height, width))
