"""What is in a unit's registers, cycle by cycle, and timing diagrams of it."""

import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.hdl import Elaboratable

from tests.harness.cycles import PERIOD, run

_VARIABLE = re.compile(r"\$var \S+ \d+ (\S+) (.+) \$end")
_EDGE = round(PERIOD / 2 * 10**15)
"""When the first cycle ends, in femtoseconds: half a period after the start."""


def trace(
    design: Elaboratable, inputs: Sequence[Sequence[tuple]], folder: Path
) -> dict[str, list[Any]]:
    """Play inputs as :func:`run` does; by their names inside the design, what all signals are.

    Parameters
    ----------
    design : Elaboratable
    inputs : sequence
        For every cycle (signal, value) pairs.
    folder : Path
        pytest's ``tmp_path``.
    """
    path = folder / "trace.vcd"
    run(design, inputs, [], vcd=path)
    names: dict[str, str] = {}
    values: dict[str, int | str] = {}
    found: dict[str, list[int | str]] = {}
    scope: list[str] = []
    cycle = 0
    for line in path.read_text().splitlines():
        words = line.split()
        if line.startswith("$scope"):
            scope.append(words[2])
        elif line.startswith("$upscope"):
            scope.pop()
        elif match := _VARIABLE.match(line):
            # The outermost three scopes are the simulator's, the harness' and the design.
            names[".".join([*scope[3:], match[2].removeprefix("\\")])] = match[1]
        elif line.startswith("#"):
            while cycle < len(inputs) and int(line[1:]) >= (2 * cycle + 1) * _EDGE:
                for name, key in names.items():
                    found.setdefault(name, []).append(values[key])
                cycle += 1
        elif words and words[0][0] == "b":
            values[words[1]] = int(words[0][1:], 2)
        elif words and words[0][0] in "01":
            values[words[0][1:]] = int(words[0][0])
        elif words and words[0][0] == "s":
            values[words[1]] = words[0][1:]
    return found


def documented(thing: object, text: str) -> bool:
    """Whether a docstring has a literal block with these lines."""
    return textwrap.indent(text, "    ") in inspect.getdoc(thing)


def diagram(rows: Mapping[str, Iterable]) -> str:
    """A timing diagram: a line for each signal, a column for each cycle, and a dot for 0."""
    table = [(name, ["." if v == 0 else str(v) for v in values]) for name, values in rows.items()]
    cycles = max(len(values) for _, values in table)
    table.insert(0, ("cycle", [str(cycle) for cycle in range(cycles)]))
    label = max(len(name) for name, _ in table)
    width = max(len(value) for _, values in table for value in values) + 2
    lines = [
        name.ljust(label) + "".join(value.rjust(width) for value in values)
        for name, values in table
    ]
    return "\n".join(lines)
