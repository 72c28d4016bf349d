import io

import numpy as np
import pytest
from rich.console import Console

from gen.frames.class_results import ClassResult, results_json, results_table
from tests.networks import tiny_network

SUMS = np.array([5, 90, 7, 3, 1])


def shown(*images: str) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100)
    console.print(
        results_table(tiny_network(1), [ClassResult(image, SUMS, 10) for image in images])
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (("photos/a.png", "more/b.png"), ("│ a.png ", "│ b.png ")),
        (("photos/a.png", "more/a.png"), ("│ photos/a.png ", "│ more/a.png ")),
        (("photos/a.png", "photos/a.png"), ("│ a.png ",)),
    ],
)
def test_images_are_called_by_what_tells_them_apart(images, names):
    text = shown(*images)
    assert all(name in text for name in names)
    assert text.index("class 1") < text.index("class 2")


def test_programs_get_all_sums():
    (entry,) = results_json(tiny_network(1), [ClassResult("photos/a.png", SUMS, 10)], k=2)
    assert (entry["image"], entry["cycles"], entry["sums"]) == ("photos/a.png", 10, SUMS.tolist())
    assert [top["label"] for top in entry["top"]] == ["class 1", "class 2"]
