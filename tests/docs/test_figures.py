"""Figures on pages follow from something here, or their source is told."""

import re

import pytest

from bench.coding import title
from bench.graph import MLPERF_TINY
from boards import BOARDS
from gen.formats.default import default_network
from gen.nodes.window_shape import MOST_WAIT
from gen.timing.xc7 import _BLOCK_RAM_OUT, _REGISTERED_OUT
from hw.arith.rom import LUT_LOADS
from protocol.coding.rules import Steps
from protocol.coding.typical import COARSEST, KEEPING, typical_part
from tests.docs.figures import (
    KINDS,
    PAGES,
    agrees,
    figures,
    kept,
    sources,
    unexplained,
    written,
)
from tests.paths import ROOT

TEXTS = [
    (page, figure, source)
    for page, entries in sources().items()
    for figure, source in entries.items()
    if isinstance(source, str)
]
RESULTS = [
    (page, figure, place)
    for page, entries in sources().items()
    for figure, place in entries.items()
    if isinstance(place, list)
]


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_comes_from_somewhere(page):
    missing = unexplained(written(page), sources().get(page, {}))
    assert not missing, f"{page}: write them from a result, or tell tests/docs/sources.toml"


@pytest.mark.parametrize("page", sources())
def test_no_source_is_left_of_a_figure_that_is_gone(page):
    assert sources()[page].keys() - figures(written(page)) == set()


@pytest.mark.parametrize(("page", "figure", "place"), RESULTS)
def test_figures_are_those_of_the_results(page, figure, place):
    assert agrees(figure, kept(place)), f"{page}: {kept(place)}"


@pytest.mark.parametrize(("page", "figure", "source"), TEXTS)
def test_sources_say_what_they_are(page, figure, source):
    kind, _, rest = re.fullmatch(r"(\w+):? ?(.*)", source).group(1, 0, 2)
    assert kind in KINDS
    if kind == "measured":
        assert re.match(r"2026-\d\d-\d\d at [0-9a-f]{7} ", rest), "when, and at which commit"
    if kind == "constant":
        assert (ROOT / rest).is_file()


def test_constants_are_those_of_the_code():
    page = sources()["architecture.md"]
    for figure in (
        f"{MOST_WAIT:.0%}".replace("%", " %"),
        f"{_REGISTERED_OUT:.1f} ns",
        f"{_BLOCK_RAM_OUT:.1f}",
        f"{LUT_LOADS} LUTs",
    ):
        assert figure in page
    assert f"{MLPERF_TINY[0][1]:g} inferences/s" in sources()["README.md"]
    clocks = {f"{board.clock_hz / 1e6:g} MHz" for board in BOARDS.values()}
    assert clocks == {figure for figure in figures(written("README.md")) if " MHz" in figure} - {
        "138 MHz",
        "140 MHz",
    }


def test_what_photographs_take_is_what_was_measured():
    for size, channels, kind in (
        (224, 3, "colour"),
        (224, 1, "grey"),
        (32, 3, "colour"),
        (32, 1, "grey"),
    ):
        for steps in KEEPING:
            measured = kept(["coding", "typical", f"{size}x{size}, {kind}", title(steps)])
            told = typical_part((size, size, channels), steps)
            assert told == pytest.approx(measured, abs=0.006)


def test_the_host_takes_steps_that_keep_97_percent_and_no_coarser_ones():
    def least(steps: Steps) -> float:
        kinds = ("float", "8 bits", "4 bits")
        return min(kept(["coding", "modes", title(steps), "same", kind]) for kind in kinds)

    assert all(least(steps) >= 97 for steps in KEEPING)
    assert least(Steps(1, 2 * COARSEST.chroma)) < 97


def test_the_default_is_as_large_as_told():
    told = f"{default_network().weight_count:,} weights".replace(",", " ")
    assert told in written("README.md")
    assert told in written("accuracy.md")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it makes 1 234 frames/s, at `500 MHz`, of 12 pixels", {"1 234 frames/s"}),
        (
            "16.4 dB in its last layer, 27.1 and 37.2 dB elsewhere",
            {"16.4 dB", "27.1 dB", "37.2 dB"},
        ),
        ("77.0 % of what {{ rate }} MHz would, v1.1 has 61.6", {"77.0 %", "61.6"}),
        ("| a | 603 729 | 12 |", {"603 729"}),
        ("```\nmade 77.2 MHz of 80\n```", {"77.2 MHz"}),
        ("```sh\ngen --clock 77.2 MHz\n```\nof [6 %](page.md#5-s)", {"6 %"}),
        ("3 bits a weight, 24 layers, 16-bit, 1x1 kernels, 2026-11-30", set()),
    ],
)
def test_figures_are_found(text, found):
    assert figures(text) == found


def test_a_new_figure_is_noticed():
    page = "architecture.md"
    text = written(page) + "\nSince then it takes 12.5 % fewer LUTs.\n"
    assert unexplained(text, sources()[page]) == {"12.5 %"}


def test_a_figure_that_a_result_no_longer_has_is_noticed():
    value = kept(["graph", "resnet8", "float"])
    assert agrees(f"{value:.2f} %", value)
    assert not agrees(f"{value + 0.01:.2f} %", value)
    assert kept(["graph", "resnet8", "float", 100]) == 100 * value
