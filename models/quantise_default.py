"""Quantise the trained default network into the file that ships with firebrick.

Run from the repository's root: ``python -m models.quantise_default FLOAT.onnx TRAIN.tar OUT.npz``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.frames.images import load_tar
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim.golden import class_sums

MAX_WEIGHT_BITS = 1_200_000
MAX_BYTES = 1_000_000
NAME = "squeezenet_cifar10"


def build(model: Path, train: Path, frames: int) -> QuantizedNetwork:
    """Quantise the default network, calibrated on some of its training images.

    Each layer gets the weight bits that it was trained for, which the metadata give.

    Parameters
    ----------
    model
        Float ONNX with ``mean``, ``std``, ``channel_order`` and ``weight_bits`` in its metadata.
    train
        Tar file of training images.
    frames
        Images to calibrate on.

    Raises
    ------
    FirebrickError
        If the model is quantised already, its metadata do not say how images are normalised, or
        its weights take more than ``MAX_WEIGHT_BITS``.
    """
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: is quantised already")
    normalisation = Normalisation.from_metadata(graph.metadata)
    if normalisation is None:
        raise FirebrickError(f"{model}: has no mean, std and channel_order in its metadata")
    bits = json.loads(graph.metadata["weight_bits"])
    widths = {name.replace("/", "_"): width for name, width in bits.items()}
    height, width, _ = graph.input_shape
    calibration, _ = load_tar(train, default_preprocessing(height, width), frames)
    network = quantise(
        replace(graph, name=NAME),
        calibration,
        normalisation=normalisation,
        weight_bits=widths,
        source={"training": "CIFAR-10, by models/train_cifar10.py"},
    )
    if network.weight_bit_count > MAX_WEIGHT_BITS:
        raise FirebrickError(
            f"{network.weight_bit_count} bits of weights; the default may take {MAX_WEIGHT_BITS}"
        )
    return network


def report(model: Path, network: QuantizedNetwork, test: Path, console: Console) -> None:
    """Print the accuracy on a test set, in float and in integers.

    Parameters
    ----------
    model
        The float ONNX; its accuracy is left out if it is quantised or does not say how images are
        normalised.
    network
        What :func:`build` made of it.
    test
        Tar file of test images in folders of their classes' names.
    console
    """
    graph = load_onnx(model)
    frames, names = load_tar(test, network.preprocessing)
    truth = np.array([network.labels.index(name) for name in names])
    normalisation = (
        Normalisation.from_metadata(graph.metadata) if isinstance(graph, FloatGraph) else None
    )
    if isinstance(graph, FloatGraph) and normalisation is not None:
        logits = float_logits(graph.fold_input(normalisation), frames)
        console.print(f"float top-1   {100 * np.mean(logits.argmax(axis=1) == truth):.2f} %")
    sums = class_sums(network, frames)
    console.print(f"integer top-1 {100 * np.mean(sums.argmax(axis=1) == truth):.2f} %")


def main(
    model: Annotated[Path, typer.Argument(help="Float ONNX with metadata, from the training.")],
    train: Annotated[Path, typer.Argument(help="Tar of training images, for calibration.")],
    out: Annotated[Path, typer.Argument(help="Network file to write.")],
    frames: Annotated[int, typer.Option(min=1, help="Calibration images.")] = 1024,
    test: Annotated[Path | None, typer.Option(help="Tar of test images, to measure on.")] = None,
) -> None:
    """Quantise the default network and write its file; a FirebrickError ends it with status 2."""
    console = Console()
    try:
        network = build(model, train, frames)
        save_network(network, out)
        size = out.stat().st_size
        console.print(f"{out}: {network.weight_bit_count} bits of weights, {size} bytes")
        if size > MAX_BYTES:
            raise FirebrickError(f"{out}: {size} bytes; the default may take {MAX_BYTES}")
        if test is not None:
            report(model, network, test, console)
    except FirebrickError as error:
        console.print(f"error: {error}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
