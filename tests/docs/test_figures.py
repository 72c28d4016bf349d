"""Figures in the README's text follow from something here, or their source is told."""

import re

from bench.graph import MLPERF_TINY
from boards import BOARDS
from docs import pages
from gen.formats.default import default_network
from protocol.coding.typical import KEEPING, typical_part
from tests.paths import ROOT

TEXT = re.compile(r"```.*?```|`[^`]*`|\{\{.*?\}\}|\{%.*?%\}|\]\([^)]*\)|<[^>]*>", re.DOTALL)
"""What is no text: code, what is filled in, where links lead."""
FIGURE = re.compile(r"(?<![\w.])\d+(?: \d{3})*(?:\.\d+)?(?= %| MHz| frames/s| inferences/s)")
COMPUTED = {
    f"{round(100 * typical_part((224, 224, 3), KEEPING[0]))}",
    *(f"{board.clock_hz / 1e6:g}" for board in BOARDS.values()),
    f"{MLPERF_TINY[0][1]:g}",
}
FROM_PAGES = {"90.28": "models/README.md", "110": "docs/bitstream.md"}
"""What takes a training, or a tool that is not here; the page tells how it was found."""
QUOTED = {"139"}
"""Of a Raspberry Pi 5, as ncnn's authors tell."""


def figures(text: str) -> set[str]:
    """Numbers that are shares, rates or clocks."""
    return set(FIGURE.findall(TEXT.sub("", text)))


def template() -> str:
    return (pages.FOLDER / "templates" / "README.md.j2").read_text()


def test_every_figure_comes_from_somewhere():
    assert figures(template()) <= COMPUTED | FROM_PAGES.keys() | QUOTED


def test_figures_are_on_the_pages_that_tell_of_them():
    for figure, page in FROM_PAGES.items():
        assert figure in figures(template())
        assert figure in (ROOT / page).read_text()


def test_the_default_is_as_large_as_told():
    assert f"{default_network().weight_count:,} weights".replace(",", " ") in template()


def test_a_new_figure_is_noticed():
    assert figures("a board makes 1 234 frames/s, at `500 MHz`, of 12 pixels") == {"1 234"}
