"""Class names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from gen.common.errors import FirebrickError

_WORDNET = re.compile(r"n\d{8}\s+")


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Class names from a text file, one a line; a leading WordNet number is left out.

    Raises
    ------
    FirebrickError
        If the file cannot be read, or is not UTF-8.
    """
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

    Parameters
    ----------
    classes : int
        How many there are.
    metadata : mapping of str
        Of the model; ``labels`` is a JSON list.
    given : tuple of str or None
        Names to prefer to the model's.

    Raises
    ------
    FirebrickError
        If there are names, but not one a class, or the model's cannot be read.
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
