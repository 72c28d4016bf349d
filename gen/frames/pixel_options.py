"""What a user says of a network's pixels, in place of what its file says or we assume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

import typer

from gen.common.errors import FirebrickError
from gen.ir.graph import FloatGraph
from gen.ir.preprocessing import (
    ASSUMED,
    PRESETS,
    STRETCH,
    WITHOUT_MARGIN,
    Expected,
    Normalisation,
    Preprocessing,
    by_channel,
    default_preprocessing,
    scaled,
    with_margin,
)


@dataclass(frozen=True)
class FrameOptions:
    """How photographs become frames: as the command line has it, None where nothing is said.

    Attributes
    ----------
    resize : str or None
        Pixels of a photograph's shorter side, or :data:`gen.ir.preprocessing.STRETCH`.
    crop : bool or None
        Whether a margin around the network's input is cut off.
    """

    resize: Annotated[
        str | None,
        typer.Option(
            metavar="PIXELS",
            help="What a photograph's shorter side is resized to before its middle is cropped to "
            f"the network's input; or `{STRETCH}`: all of it, whatever its shape.",
        ),
    ] = None
    crop: Annotated[
        bool | None,
        typer.Option(
            "--crop/--no-crop",
            help="Whether photographs lose a margin (256 to 224); as the network file says if not "
            "given, and for new files, where the input has 128 pixels or more.",
        ),
    ] = None

    def apply(self, preprocessing: Preprocessing) -> Preprocessing:
        """What the options make of what would be done without them.

        Raises
        ------
        FirebrickError
            If they are not understood, or contradict each other or the network's input.
        """
        short = min(preprocessing.crop)
        if self.crop is not None and self.resize is not None:
            raise FirebrickError(
                "--resize and --crop or --no-crop both say how large a photograph becomes; leave "
                "one out"
            )
        if self.crop is not None:
            resize = with_margin(short) if self.crop else short
            return replace(preprocessing, resize=resize, stretch=False)
        if self.resize is not None:
            return preprocessing.resized(self.resize, "--resize")
        return preprocessing


@dataclass(frozen=True)
class PixelOptions(FrameOptions):
    """What the network expects of pixels, too.

    Attributes
    ----------
    preprocess : str or None
        One of :data:`gen.ir.preprocessing.PRESETS`.
    mean, std : str or None
        Three numbers with commas, or one for all, in the network's channel order.
    scale : str or None
        What pixels of 0 to 255 are multiplied by before mean and deviation: a number, or a
        fraction such as 1/255. If nothing is said, it is 1/255 where a mean or a deviation is
        between 0 and 1, else 1.
    channel_order : str or None
        RGB or BGR.
    """

    preprocess: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Pixels that a float model expects: {', '.join(PRESETS)}; if not given, what "
            f"the file says, else {ASSUMED[3]} ({ASSUMED[1]} unless it is of three colours).",
        ),
    ] = None
    mean: Annotated[
        str | None,
        typer.Option(metavar="R,G,B", help="The same as numbers: mean, in the model's order."),
    ] = None
    std: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Standard deviation, as --mean.")
    ] = None
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="X",
            help="What pixels of 0 to 255 are multiplied by before --mean and --std; 1/255 if not "
            "given and one of these is between 0 and 1.",
        ),
    ] = None
    channel_order: Annotated[str | None, typer.Option(metavar="ORDER", help="RGB or BGR.")] = None

    @property
    def expected(self) -> dict[str, str]:
        """Those options that say what the network itself expects, by their names."""
        names = ("preprocess", "mean", "std", "scale", "channel_order")
        said = {f"--{name.replace('_', '-')}": getattr(self, name) for name in names}
        return {name: value for name, value in said.items() if value is not None}

    def preprocessing(self, height: int, width: int, channels: int = 3) -> Preprocessing:
        """How photographs become frames of a float network's input.

        Parameters
        ----------
        height, width, channels : int
            Of that.

        Raises
        ------
        FirebrickError
            As :meth:`apply` does.
        """
        usual = default_preprocessing(height, width, channels)
        if self.preprocess in WITHOUT_MARGIN:
            usual = replace(usual, resize=min(height, width))
        return self.apply(usual)

    def normalisation(self, graph: FloatGraph) -> tuple[Normalisation, str]:
        """What a float network expects, and who says so.

        Parameters
        ----------
        graph : FloatGraph

        Raises
        ------
        FirebrickError
            If an option or the metadata is not understood.
        """
        said = self.said()
        found, source = said.normalisation, "given"
        if found is None:
            found, source = _unsaid(graph)
        found = found.of_channels(graph.input_shape[2])
        if said.channel_order is not None:
            found = replace(found, channel_order=said.channel_order)
        return found, f"{found.described()}; {source}"

    def said(self) -> Expected:
        """What the options say that a network expects.

        Raises
        ------
        FirebrickError
            If one is not understood, or two contradict each other.
        """
        numbers = [name for name in ("--mean", "--std", "--scale") if name in self.expected]
        if self.preprocess is not None and numbers:
            raise FirebrickError(
                f"--preprocess {self.preprocess} gives mean, deviation and scale already; leave "
                f"out that or {' and '.join(numbers)}"
            )
        found = self._numbers() if numbers else None
        if self.preprocess is not None:
            found = Normalisation.preset(self.preprocess)
        if self.channel_order is None:
            return Expected(found, None if found is None else found.channel_order)
        order = self.channel_order.upper()
        checked = replace(found or Normalisation(), channel_order=order)
        return Expected(None if found is None else checked, order)

    def _numbers(self) -> Normalisation:
        """Mean, deviation and scale of the options."""
        mean, std = by_channel("--mean", self.mean, 0.0), by_channel("--std", self.std, 1.0)
        if self.scale is None:
            return Normalisation.of_any_pixels(mean, std)
        scale = _number(self.scale)
        return Normalisation.of(scaled(mean, 1 / scale), scaled(std, 1 / scale))


def _unsaid(graph: FloatGraph) -> tuple[Normalisation, str]:
    """What the model's metadata says, or what is assumed."""
    found = Normalisation.from_metadata(graph.metadata)
    if found is not None:
        return found, "as the model's metadata says"
    if graph.white is not None:
        found = Normalisation(std=(255 / graph.white,) * 3)
        return found, f"the model normalises pixels of 0 to {graph.white:g} itself"
    assumed = ASSUMED[graph.input_shape[2]]
    return Normalisation.preset(assumed), f"{assumed}, assumed; --preprocess, --mean to change"


def _number(text: str) -> float:
    """A positive number or fraction."""
    try:
        value = float(Fraction(text.strip()))
    except (OverflowError, ValueError, ZeroDivisionError):
        value = 0.0
    if not value > 0:
        raise FirebrickError(f"--scale {text}: give a positive number or fraction, say 1/255")
    return value
