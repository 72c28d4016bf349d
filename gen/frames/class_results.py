"""Class sums of frames, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from gen.ir.network import QuantizedNetwork


@dataclass(frozen=True, eq=False)
class ClassResult:
    """What came out for one image.

    Attributes
    ----------
    image : str
        Where the image came from.
    sums : integer array (classes,)
    cycles : int
        Clock cycles from the frame's first pixel byte to its last class sum.
    """

    image: str
    sums: np.ndarray
    cycles: int


def results_table(network: QuantizedNetwork, answers: Sequence[ClassResult], k: int = 5) -> Table:
    """The likeliest classes of every image, with their probabilities.

    Images are called by their file names alone where these tell them apart.

    Parameters
    ----------
    network : QuantizedNetwork
    answers : sequence of ClassResult
    k : int
        Classes to show of each.
    """
    names = {answer.image: Path(answer.image).name for answer in answers}
    if len(set(names.values())) < len(names):
        names = {image: image for image in names}
    table = Table(title=f"{network.name}: top {k}", title_justify="left")
    table.add_column("image", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right")
    for answer in answers:
        ranked = top_k(answer.sums, network, k)
        for place, (label, probability) in enumerate(ranked):
            style = "bold" if place == 0 else "dim"
            image = names[answer.image] if place == 0 else ""
            last = place == len(ranked) - 1
            name, text = Text(image), Text(label, style)
            table.add_row(name, text, f"{probability:.1%}", end_section=last)
    return table


def results_json(
    network: QuantizedNetwork, answers: Sequence[ClassResult], k: int = 5
) -> list[dict[str, Any]]:
    """The same as plain data, one entry an image, with all class sums.

    Parameters
    ----------
    network : QuantizedNetwork
    answers : sequence of ClassResult
    k : int
        Classes to name of each.

    Returns
    -------
    list of dict
        ``image``, ``top`` (a list of ``label`` and ``probability``), ``cycles`` and ``sums``.
    """
    return [
        {
            "image": answer.image,
            "top": [
                {"label": label, "probability": round(probability, 6)}
                for label, probability in top_k(answer.sums, network, k)
            ],
            "cycles": answer.cycles,
            "sums": answer.sums.tolist(),
        }
        for answer in answers
    ]


def top_k(sums: np.ndarray, network: QuantizedNetwork, k: int = 5) -> list[tuple[str, float]]:
    """The ``k`` likeliest classes of one frame, likeliest first.

    Parameters
    ----------
    sums : integer array (classes,)
    network : QuantizedNetwork
        Its output scale turns sums into logits (the division of the global average included).
    k : int

    Returns
    -------
    list of (label, probability)
        The probability is the softmax over all classes. Equal sums keep the classes' order.
    """
    sums = np.asarray(sums).reshape(-1).astype(np.float64)
    exponentials = np.exp((sums - sums.max()) * network.output.scale)
    probabilities = exponentials / exponentials.sum()
    order = np.argsort(-sums, kind="stable")[:k]
    return [(network.labels[i], float(probabilities[i])) for i in order]
