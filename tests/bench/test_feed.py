import numpy as np
from PIL import Image

from bench.feed import BOARD, CODE, CODERS, DRIVE, READ, _table, coders, measure
from gen.ir.preprocessing import default_preprocessing


def test_photographs_reach_the_stand_in(tmp_path):
    files = [tmp_path / f"{index}.jpg" for index in range(2)]
    for level, path in enumerate(files):
        Image.fromarray(np.full((40, 40, 3), 90 * level, dtype=np.uint8)).save(path)
    found = {"lossless": measure(files, default_preprocessing(32, 32), "lossless", 6)}
    figures = found["lossless"]
    assert set(figures.milliseconds) == {READ, CODE, DRIVE, BOARD}
    assert figures.total == sum(figures.milliseconds.values())
    assert len(_table(found).rows) == 1


def test_each_coder_takes_some_time():
    found = coders([np.zeros((40, 40, 3), np.uint8)] * 4)
    assert found.keys() == CODERS.keys()
    assert all(milliseconds > 0 for milliseconds in found.values())
