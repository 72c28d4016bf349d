"""The coefficients of the cost estimates, as they were fitted last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from gen.common.cached import kept_by_first

FITTED = Path(__file__).with_name("fitted.json")
"""What ``python -m bench calibrate --json`` wrote."""


class Group:
    """Some coefficients, as a frozen dataclass of numbers that stands beside what uses them.

    Each has a name of its own among those of all groups. Estimates are linear in all of them.
    """


G = TypeVar("G", bound=Group)


@dataclass(frozen=True)
class Coefficients:
    """What the LUT and flip-flop estimates are built from; everything else is arithmetic on widths.

    ``python -m bench calibrate`` fits them to what Yosys makes of whole designs.

    Attributes
    ----------
    values : dict of float
        By name.
    """

    values: Mapping[str, float]

    @staticmethod
    def load() -> Coefficients:
        """Those that were fitted last."""
        return Coefficients(json.loads(FITTED.read_text())["calibrate"]["coefficients"])

    @kept_by_first
    def of(self, group: type[G]) -> G:
        """Those of a group.

        Raises
        ------
        KeyError
            If one has never been fitted.
        """
        own: Any = group
        return group(**{item.name: self.values[item.name] for item in fields(own)})

    def replaced(self, **values: float) -> Coefficients:
        """The same, but for some of them."""
        return Coefficients({**self.values, **values})
