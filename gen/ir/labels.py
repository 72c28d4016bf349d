"""Class names, and what class sums say about them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork

_WORDNET = re.compile(r"n\d{8}\s+")


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


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Class names from a text file, one a line; a leading WordNet number is left out."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FirebrickError(
            f"{path}: cannot read class names ({error}); give a UTF-8 text file"
        ) from None
    return tuple(_WORDNET.sub("", line.strip(), count=1) for line in text.splitlines() if line)


def choose_labels(
    classes: int, metadata: Mapping[str, str], given: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    """The given names, or those in a model's ``labels`` metadata, or plain numbers.

    Raises
    ------
    FirebrickError
        If there are names, but not one a class.
    """
    labels = given
    if labels is None and "labels" in metadata:
        try:
            labels = tuple(str(label) for label in json.loads(metadata["labels"]))
        except (ValueError, TypeError):
            raise FirebrickError("model metadata 'labels' is no JSON list of names") from None
    if labels is None:
        return tuple(f"class {i}" for i in range(classes))
    if len(labels) != classes:
        raise FirebrickError(f"{len(labels)} class names for a network of {classes} classes")
    return labels
