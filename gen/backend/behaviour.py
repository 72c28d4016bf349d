"""Behavioural models in the place of the vendor's primitives in a design that is to be simulated.

Each block RAM gets a model of its own, which holds what its parameters say as an array of words:
simulators know these, and ours reads them from files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from amaranth.back import rtlil

from hw.arith import dsp48, mult18
from hw.stream import dp16kd, ramb
from hw.stream.block_ram import Block

_MODULE = re.compile(r"^module \\(\S+)$")
_CELL = re.compile(rf"^  cell \\({'|'.join((*ramb.CELLS, dp16kd.CELL))}) \\(\S+)$")
_CONTENTS = re.compile(r"INIT(P|VAL)?_[0-9A-F]{2}")
"""Parameters of a block RAM that hold what its words begin with."""
_NAME = "block_ram"
_PARAMETER = re.compile(r"^    parameter (?:signed )?\\(\S+) (.*)$")


@dataclass(frozen=True)
class _BlockRam:
    """A block RAM in a design: of which type, where, and what its instance sets."""

    cell: str
    place: str
    parameters: dict[str, int | str]

    def model(self, name: str) -> str:
        """What it does, as RTLIL of a module: that of an empty one, with words for its zeros."""
        setting = ((k, 0 if _CONTENTS.fullmatch(k) else v) for k, v in self.parameters.items())
        text, block = _empty(self.cell, tuple(setting))
        numbers = {k: v for k, v in self.parameters.items() if isinstance(v, int)}
        rows = (dp16kd if self.cell == dp16kd.CELL else ramb).rows_of(block, numbers)
        words = "".join(f"{row:0{block.bits}b}" for row in reversed(rows))
        named = text.replace(f"\\{_NAME}\n", f"\\{name}\n", 1)
        return named.replace(f"'{'0' * len(words)}\n", f"'{words}\n", 1)


@cache
def _empty(cell: str, setting: tuple[tuple[str, int | str], ...]) -> tuple[str, Block]:
    """RTLIL of a block RAM whose words are zeros, and its shape.

    Made once for all that are set alike: words take most of the time of a conversion.
    """
    parameters = dict(setting)
    model = (
        dp16kd.BehaviouralDp16kd(parameters)
        if cell == dp16kd.CELL
        else ramb.BehaviouralRamb(cell, parameters)
    )
    return rtlil.convert(model, name=_NAME, emit_src=False), model.block


def behavioural(path: Path, folder: Path) -> list[str]:
    """Yosys commands that put models in the place of the primitives in a design that was read.

    Parameters
    ----------
    path : path
        RTLIL of the design.
    folder : path
        Where the models go.
    """
    if not path.is_file():
        return []
    text = path.read_text()
    return [*_multiplier_models(text, folder), *block_ram_models(text, folder)]


_MULTIPLIERS = {
    dsp48.CELL: (dsp48.BehaviouralDSP48E1, dsp48.PARAMETER_NAMES),
    mult18.CELL: (mult18.BehaviouralMult18x18d, mult18.PARAMETER_NAMES),
}
"""The model of each type, and what an instance sets that it does not have."""


def _multiplier_models(text: str, folder: Path) -> list[str]:
    """Commands for multipliers, which are alike in a design."""
    for cell, (model, parameters) in _MULTIPLIERS.items():
        if f"cell \\{cell} " in text:
            behaviour = folder / "multiplier.il"
            behaviour.write_text(rtlil.convert(model(), name=cell, emit_src=False))
            unset = " ".join(f"-unset {name}" for name in parameters)
            return [f'read_rtlil "{behaviour}"', f"proc {cell}", f"setparam {unset} t:{cell}"]
    return []


def block_ram_models(text: str, folder: Path) -> list[str]:
    """Yosys commands that give each block RAM a type of its own, and read these types.

    Parameters
    ----------
    text : str
        The design in RTLIL, as Amaranth or Yosys writes it.
    folder : path
        Where the models go.
    """
    found = list(_block_rams(text))
    if not found:
        return []
    behaviour, commands = folder / "block_ram.il", []
    with behaviour.open("w") as file:
        for number, block in enumerate(found):
            name = f"{block.cell}.{number}"
            file.write(block.model(name))
            unset = " ".join(f"-unset {parameter}" for parameter in block.parameters)
            commands.append(f"setparam -type {name} {unset} {block.place}")
    return [f'read_rtlil "{behaviour}"', *commands]


def _block_rams(text: str) -> Iterator[_BlockRam]:
    """The block RAMs of a design."""
    module = cell = place = ""
    parameters: dict[str, int | str] = {}
    for line in text.splitlines():
        if cell:
            if match := _PARAMETER.match(line):
                parameters[match[1]] = _value(match[2])
            elif line == "  end":
                yield _BlockRam(cell, place, parameters)
                cell = ""
        elif match := _CELL.match(line):
            cell, place, parameters = match[1], f"{module}/{match[2]}", {}
        elif match := _MODULE.match(line):
            module = match[1]


def _value(text: str) -> int | str:
    """A parameter's value: a string, a number, or a constant of some bits."""
    if text.startswith('"'):
        return text.strip('"')
    return int(text.partition("'")[2], 2) if "'" in text else int(text)
