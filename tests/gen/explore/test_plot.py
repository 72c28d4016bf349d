from dataclasses import replace
from xml.etree import ElementTree

import pytest
from PIL import Image

from gen.explore.point import Result
from gen.explore.row import rows_of
from gen.ir.widths import Width
from tests.gen.explore.sweeps import made_results, made_rows, made_space

pytest.importorskip("matplotlib", reason="plots need Matplotlib")

from gen.explore.plot import DPI, PANEL, draw, write_plots

SPACE = made_space("sr=0.125:0.5:4", boards=("arty_a7", "genesys2"), widths=(Width(4), Width(8)))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With the plots of :data:`SPACE`."""
    path = tmp_path_factory.mktemp("plots")
    write_plots(made_rows(SPACE), SPACE, [path / "a.svg", path / "a.png"])
    return path


def words(axes) -> set[str]:
    return {text.get_text() for text in axes.texts}


def legend(figure) -> set[str]:
    return {text.get_text() for text in figure.legends[0].get_texts()}


def test_every_point_has_a_mark(folder):
    tree = ElementTree.parse(folder / "a.svg")
    groups = {group.get("id"): group for group in tree.iter(f"{SVG}g")}
    expected = {
        f"{what}-{board}-{number}": count
        for what, count in {"front": 3, "none": 1, "paper": 1}.items()
        for board in SPACE.boards
        for number in (0, 1)
    }
    assert {name: len(list(groups[name].iter(f"{SVG}use"))) for name in expected} == expected


def test_words_are_text(folder):
    tree = ElementTree.parse(folder / "a.svg")
    found = {"".join(text.itertext()).strip() for text in tree.iter(f"{SVG}text")}
    assert {
        "Digilent Arty A7-100T", "Digilent Genesys 2", "4 bits", "8 bits", "no design fits",
        "frames/s", "parameters, millions", "labels: sr", "0.25", "80.3 %",
    } <= found  # fmt: skip


def test_a_png_is_an_image(folder):
    with Image.open(folder / "a.png") as image:
        assert (image.format, image.width) == ("PNG", round(2 * PANEL[0] * DPI))
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours


def test_the_same_rows_give_the_same_bytes(tmp_path):
    space = made_space("sr=0.25,0.5,0.75")
    for name in ("a.svg", "b.svg"):
        write_plots(made_rows(space), space, [tmp_path / name])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_marks_tell_the_front_from_the_rest():
    space = made_space("sr=0.125:0.5:4", "incr_e=128,64")
    rows = made_rows(space)
    (axes,) = draw(rows, space).axes
    counts = {line.get_gid(): len(line.get_xdata()) for line in axes.lines}
    planned = [row for row in rows if row.result.design]
    best = [row for row in planned if row.best]
    assert 0 < len(best) < len(planned)
    assert counts["front-arty_a7-0"] == len(best)
    assert counts["rest-arty_a7-0"] == len(planned) - len(best)


def test_tasks_that_differ_are_told():
    space = made_space("bypass=none,simple", "sr=0.125:0.5:4")
    told = legend(draw(made_rows(space), space))
    assert {"4 bits, bypass=none", "4 bits, bypass=simple"} <= told
    assert not any("size" in text for text in told)


def test_labels_are_few_and_the_papers_always_there():
    space = made_space("sr=0.025:1:40")
    (axes,) = draw(made_rows(space), space).axes
    found = words(axes)
    assert 5 <= len(found) <= 11
    assert {"0.125\n80.3 %", "0.5\n85.6 %", "0.75\n86.0 %"} <= found


def test_what_coincides_is_labelled_once():
    space = made_space("sr=0.125,0.25,0.5", widths=(Width(4), Width(5)))
    results = made_results(space)
    same = results[next(space.points())]
    rows = rows_of(list(space.points()), dict.fromkeys(space.points(), same))
    (axes,) = draw(rows, space).axes
    assert len(axes.texts) == len(words(axes)) == 3


def test_what_is_far_too_large_does_not_squeeze_the_rest():
    space = made_space("sr=0.125,0.25,1.0,0.9")
    results = made_results(space)
    for point, result in results.items():
        if point.values["sr"] > 0.5:
            results[point] = replace(result, design=None, why="it does not fit")
    (axes,) = draw(rows_of(list(space.points()), results), space).axes
    assert axes.get_xlim()[1] == pytest.approx(1.5 * 1.967, rel=0.01)
    assert "2 larger, no design fits →" in words(axes)
    counts = {line.get_gid(): len(line.get_xdata()) for line in axes.lines}
    assert counts["none-arty_a7-0"] == 2


def test_nothing_that_fits():
    space = made_space("sr=0.5")
    (axes,) = draw(made_rows(space), space).axes
    assert [line.get_gid() for line in axes.lines] == ["none-arty_a7-0"]


def test_no_network_at_all():
    space = made_space("sr=7,8")
    points = list(space.points())
    figure = draw(rows_of(points, dict.fromkeys(points, Result(why="too much"))), space)
    assert [len(axes.lines) for axes in figure.axes] == [0]
