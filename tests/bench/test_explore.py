import pytest
from rich.console import Console

from bench import explore
from gen.explore.options import Choice


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two members of the family that are small enough to be planned at once."""
    with pytest.MonkeyPatch.context() as patch:
        family = "size=32,classes=5,base_e=16,incr_e=16"
        choice = Choice("arty_a7,ulx3s_85", ("sr=0.125,0.25",), family, "4", None, 0.8)
        patch.setattr(explore, "CHOICE", choice)
        yield explore.run(Console(quiet=True), tmp_path_factory.mktemp("empty"), limit=2)


def test_points_are_kept_by_board_and_what_is_swept(found):
    names = ["arty_a7, sr 0.125, 4 bits", "arty_a7, sr 0.25, 4 bits"]
    assert list(found) == [*names, "told"]
    small, large = (found[name] for name in names)
    assert list(small) == list(large) == list(explore.KEPT)
    assert small["parameters"] < large["parameters"]
    assert all(
        f"{point['frames_per_second']:.1f}" in "".join(found["told"]) for point in (small, large)
    )
