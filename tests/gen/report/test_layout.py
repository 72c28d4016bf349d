from itertools import combinations, pairwise

import pytest

from gen.ir.ops import INPUT
from gen.report.layout import BOX, lay_out


@pytest.fixture(params=[2, 3, 7, 99])
def layout(figures, request):
    return lay_out(figures, request.param)


def test_boxes_are_inside_and_apart(layout, figures):
    assert {box.name for box in layout.boxes} == {INPUT, *(op.name for op in figures.network.ops)}
    for box in layout.boxes:
        assert 0 <= box.x <= layout.width - BOX[0]
        assert 0 <= box.y <= layout.height - BOX[1]
    for one, other in combinations(layout.boxes, 2):
        assert abs(one.x - other.x) >= BOX[0] or abs(one.y - other.y) >= BOX[1]


def test_arrows_lead_from_box_to_box(layout, figures):
    boxes = {box.name: box for box in layout.boxes}
    assert [arrow.stream for arrow in layout.arrows] == list(figures.streams)
    for arrow in layout.arrows:
        source, target = boxes[arrow.stream.source], boxes[arrow.stream.target]
        begins, ends = arrow.corners[0], arrow.corners[-1]
        if arrow.stream.tap:
            assert source.x == target.x
            assert begins[0] == ends[0] == source.x + BOX[0] / 2
        else:
            assert begins == (source.x + BOX[0], source.y + BOX[1] / 2)
            assert ends == (target.x, target.y + BOX[1] / 2)


def test_arrows_run_behind_no_box(layout):
    for arrow in layout.arrows:
        for (left, top), (right, bottom) in pairwise(arrow.corners):
            if top != bottom or arrow.stream.tap:
                continue
            for box in layout.boxes:
                beside = max(left, right) <= box.x or min(left, right) >= box.x + BOX[0]
                assert beside or not box.y < top < box.y + BOX[1], arrow.stream


def test_what_does_not_fit_in_a_band_goes_on_in_the_next(figures):
    wide, narrow = lay_out(figures, 99), lay_out(figures, 2)
    assert wide.width > 3 * narrow.width
    assert narrow.height > 3 * wide.height
    places = {box.name: box for box in wide.boxes}
    for arrow in wide.arrows:
        if not arrow.stream.tap:
            assert places[arrow.stream.source].x < places[arrow.stream.target].x
