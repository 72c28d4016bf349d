import pytest

from boards import BOARDS
from boards.board import Resources
from boards.parts import DEVICES, find_part


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_boards_have_what_their_parts_have(board):
    part = find_part(board.part)
    assert part.resources == board.resources
    assert part.family == board.family
    assert part.name == board.part


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("xc7z020clg400-1", "xc7z020"),
        ("XC7Z020-1CLG400C", "xc7z020"),
        ("xc7s50csga324-1", "xc7s50"),
        ("xc7k70tfbg484-2L", "xc7k70t"),
        ("LFE5U-25F-6BG256C", "lfe5u-25f"),
        ("LFE5UM-45F-8BG381", "lfe5um-45f"),
        *((device, device) for device in DEVICES),
    ],
)
def test_names(name, device):
    assert find_part(name).device == device


def test_transceivers_take_no_logic():
    assert find_part("LFE5UM5G-45F").resources == find_part("lfe5u-45f").resources


def test_slices_have_two_flip_flops_a_lut():
    assert find_part("xc7z020").resources == Resources(53_200, 106_400, 220, 140)


@pytest.mark.parametrize("name", ["", "xc7z02", "xc7z020clg400-1 ", "xc7a35", "lfe5u-12f", "x"])
def test_unknown_parts_are_refused(name):
    with pytest.raises(ValueError, match=r"unknown part .*; known are xc7a35t, .*lfe5u-85f"):
        find_part(name)
