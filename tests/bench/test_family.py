import io

import pytest
from rich.console import Console

from bench.family import SWEEPS, listed, run


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    return run(Console(quiet=True), tmp_path_factory.mktemp("empty"))


@pytest.mark.parametrize(
    ("count", "megabytes"),
    [
        (1, "0.1"),
        (1 << 20, "1.0"),
        ((1 << 20) + 1, "1.1"),
        (10 << 20, "10"),
        ((10 << 20) - 1, "10"),
        ((18 << 20) + 1, "19"),
    ],
)
def test_megabytes_are_rounded_up(count, megabytes):
    assert listed(count) == megabytes


def test_sizes_of_the_papers_text_are_ours(sizes):
    compared = [
        (text, size.megabytes, size.paper.megabytes)
        for members in sizes.values()
        for text, size in members.items()
        if size.paper.megabytes is not None and text != "bypass=complex"
    ]
    assert [text for text, _, _ in compared] == [
        "sr=0.125", "sr=0.5", "sr=0.75", "pct_3x3=0.5,sr=0.5", "bypass=none", "bypass=simple",
    ]  # fmt: skip
    assert [ours for _, ours, _ in compared] == [papers for _, _, papers in compared]


def test_complex_bypass_is_smaller_than_the_paper_says(sizes):
    """Neither convolutions around fire2, 4, 6 and 8 nor around all eight give table 3's size."""
    size = sizes["table 3: macroarchitecture"]["bypass=complex"]
    assert (size.megabytes, size.paper.megabytes) == ("6.1", "7.7")
    others = sum(channels * channels + channels for channels in (128, 256, 384, 512))
    assert listed(size.float_bytes + 4 * others) == "8.0"


def test_both_sweeps_meet_at_the_same_network(sizes):
    a, b = sizes["figure 3a: squeeze ratio"], sizes["figure 3b: 3x3 filters"]
    assert a["sr=0.5"].parameters == b["pct_3x3=0.5,sr=0.5"].parameters
    for members in (a, b):
        counts = [size.parameters for size in members.values()]
        assert counts == sorted(set(counts))


def test_all_members_are_shown(tmp_path):
    shown = io.StringIO()
    run(Console(width=80, file=shown), tmp_path)
    text = shown.getvalue()
    for members in SWEEPS.values():
        assert all(f" {member} " in text for member in members)
    assert "1248424" in text
