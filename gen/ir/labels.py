"""Class names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gen.common.errors import FirebrickError
from gen.common.text import read_lines

_WORDNET = re.compile(r"n\d{8}\s+")


@dataclass(frozen=True)
class ClassNames:
    """Names of classes, in the order of a network's outputs.

    Attributes
    ----------
    names : tuple of str
    source : str
        Where they come from, for messages.
    """

    names: tuple[str, ...]
    source: str

    def of(self, classes: int) -> tuple[str, ...]:
        """The names, for a network of so many classes.

        Raises
        ------
        FirebrickError
            If there is not one a class.
        """
        if len(self.names) != classes:
            raise FirebrickError(
                f"{self.source}: {len(self.names)} class names for a network of {classes} "
                "classes; give one a class, in the order of the network's outputs"
            )
        return self.names


def read_labels(path: str | Path) -> ClassNames:
    """Class names from a text file, one a line; a leading WordNet number is left out.

    Lines without a name are passed over.

    Raises
    ------
    FirebrickError
        If the file cannot be read, or is no Unicode text.
    """
    lines = (line.strip() for line in read_lines(Path(path), "class names"))
    names = tuple(_WORDNET.sub("", line, count=1) for line in lines if line)
    return ClassNames(names, str(path))


def choose_labels(
    classes: int, metadata: Mapping[str, str], given: ClassNames | None = None
) -> tuple[str, ...]:
    """The given names, or those in a model's ``labels`` metadata, or plain numbers.

    Parameters
    ----------
    classes : int
        How many there are.
    metadata : mapping of str
        Of the model; ``labels`` is a JSON list.
    given : ClassNames or None
        Names to prefer to the model's.

    Raises
    ------
    FirebrickError
        If there are names, but not one a class, or the model's cannot be read.
    """
    if given is not None:
        return given.of(classes)
    if "labels" not in metadata:
        return tuple(f"class {i}" for i in range(classes))
    source = "metadata 'labels' of the model"
    try:
        names = json.loads(metadata["labels"])
    except (RecursionError, ValueError):
        names = None
    if not isinstance(names, list):
        raise FirebrickError(
            f"{source} is no JSON list of names; mend it, or give names with --labels FILE"
        )
    return ClassNames(tuple(map(str, names)), source).of(classes)
