"""Figures in the README's text follow from something here, or their source is told."""

import re

from docs import pages
from gen.formats.default import default_network
from protocol.coding.typical import KEEPING, typical_part
from tests.paths import ROOT

TEXT = re.compile(r"```.*?```|`[^`]*`|\{\{.*?\}\}|\{%.*?%\}|\]\([^)]*\)|<[^>]*>", re.DOTALL)
"""What is no text: code, what is filled in, where links lead."""
FIGURE = re.compile(
    r"(?<![\w.\u00d7-])\d+(?: \d{3})*(?:\.\d+)?(?![\w\u00d7])(?= %| frames/s| inf| MHz, where)"
)
COMPUTED = {"43": round(100 * typical_part((224, 224, 3), KEEPING[0]))}
ELSEWHERE = {
    "90.28": "models/README.md",
    "139": "docs/templates/README.md.j2",  # ncnn's own table, which the README names
    "659": "docs/templates/README.md.j2",  # MLPerf Tiny v0.7, likewise
    "118": "docs/bitstream.md",
}
"""Figures that no benchmark here finds, and the page that says whose they are."""


def figures(text: str) -> set[str]:
    """Numbers that are shares or rates."""
    return set(FIGURE.findall(TEXT.sub("", text)))


def template() -> str:
    return (pages.FOLDER / "templates" / "README.md.j2").read_text()


def test_every_figure_comes_from_somewhere():
    assert figures(template()) == COMPUTED.keys() | ELSEWHERE.keys()


def test_figures_are_where_they_are_said_to_be():
    assert {name: str(value) for name, value in COMPUTED.items()} == {n: n for n in COMPUTED}
    for figure, page in ELSEWHERE.items():
        assert figure in (ROOT / page).read_text()


def test_the_default_is_as_large_as_told():
    assert f"{default_network().weight_count:,} weights".replace(",", " ") in template()


def test_a_new_figure_is_noticed():
    assert figures("a board makes 1 234 frames/s, at `500 frames/s`, of 12 pixels") == {"1 234"}
