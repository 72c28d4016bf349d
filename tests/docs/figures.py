"""Figures in the text of pages: numbers that a measurement may have given, and where from."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import bench.cli
from bench.results import stored
from docs import pages
from tests.paths import ROOT

SOURCES = Path(__file__).with_name("sources.toml")
PAGES = {"README.md": ROOT / "README.md"} | {
    path.name: path for path in sorted((ROOT / "docs").glob("*.md"))
}
NO_TEXT = re.compile(
    r"^```\w+\n.*?^```|`[^`\n]+`|\{\{.*?\}\}|\{%.*?%\}|\]\([^)]*\)|<[^>]*>",
    re.DOTALL | re.MULTILINE,
)
"""What is no text: code, what is filled in, where links lead. A block without a language is what
some program prints, and text."""
NUMBER = r"\d+(?:,?\d{3}|[ \u00a0]\d{3})*(?:\.\d+)?"
UNIT = (
    r"%|[GMk]?Hz|[GMk]b/s|(?:frames|images|inferences|requests)(?:/s| a second)|[nµm]?s|seconds|"
    r"minutes|hours|LUTs?|cycles|dB|[GMk]i?B|Mbit|points|times"
)
LISTED = re.compile(
    rf"(?<![\w.,])((?:{NUMBER}(?: and | or | to | / ))*{NUMBER}) ?({UNIT})(?![\w/])"
)
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\w|\.\w)")
LARGE = re.compile(r"(?<=[|,/] )\d{1,3}(?: \d{3})+(?= [|,/]|,)")
"""Alone in a table's cell."""
KINDS = ("measured", "reckoned", "constant", "published", "example", "name")
"""What a source may begin with; ``sources.toml`` says what each means."""


def figures(text: str) -> set[str]:
    """Numbers that have a unit or a decimal point, or are large and alone in a table's cell.

    Those with a unit come with it: ``37 %``.
    """
    found: set[str] = set()

    def take(match: re.Match[str]) -> str:
        found.update(f"{number} {match[2]}" for number in re.findall(NUMBER, match[1]))
        return " "

    rest = LISTED.sub(take, NO_TEXT.sub(" ", text))
    return found | set(DECIMAL.findall(rest)) | set(LARGE.findall(rest))


def written(page: str) -> str:
    """What was written of a page by hand: its template, if it has one."""
    template = pages.FOLDER / "templates" / f"{page}.j2"
    return (template if template.exists() else PAGES[page]).read_text()


def unexplained(text: str, sources: dict[str, Any]) -> set[str]:
    """Figures of a text for which there is no source."""
    return figures(text) - sources.keys()


@cache
def sources() -> dict[str, dict[str, Any]]:
    """By page and figure: a text, or where a result has it."""
    return tomllib.loads(SOURCES.read_text())


def kept(place: list[Any]) -> float:
    """The figure of a kept result.

    Parameters
    ----------
    place : list
        The benchmark's name, and the names that lead to the figure; a number behind them is what
        it is multiplied by.
    """
    benchmark, *path = place
    factor = path.pop() if isinstance(path[-1], int) else 1
    found: Any = stored(bench.cli.BENCHMARKS)[benchmark].figures
    for name in path:
        found = found[name]
    return float(found) * factor


def agrees(figure: str, value: float) -> bool:
    """Whether a figure is a value, rounded to the places that it has."""
    number = figure.split()[0]
    return f"{value:.{len(number.partition('.')[2])}f}" == number
