"""The commands of whole pages, run one after another as a reader would."""

import shlex
import subprocess
import sys

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.docs.commands import commands
from tests.graphs import model
from tests.paths import ROOT

PACKAGES = ("bench", "boards", "docs", "gen", "host", "hw", "models", "protocol", "sim", "tests")
"""What has to be in the folder in which commands run."""
CLASSES = 5
FOR_A_BOARD = ("host program", "info --udp", "--bitstream", "genesys2")
"""Commands with these want a board, a tool or a model that is not here."""


@pytest.fixture
def folder(tmp_path):
    """Like the repository's, with the files that pages speak of."""
    for name in PACKAGES:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for name in ("photos", "test"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(1)
    for path in ("cat.jpg", "photos/one.jpg", "photos/two.jpg", "test/a.jpg", "test/b.jpg"):
        Image.fromarray(rng.integers(0, 256, (120, 110, 3), dtype=np.uint8)).save(tmp_path / path)
    onnx.save(model("plain_chain"), tmp_path / "flowers.onnx")
    (tmp_path / "names.txt").write_text("".join(f"flower {index}\n" for index in range(CLASSES)))
    (tmp_path / "test.txt").write_text("a.jpg 3\nb.jpg 1\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("pages", [("start.md", "board.md"), ("own-network.md",)], ids=str)
def test_all_commands_of_a_page_run(folder, pages):
    lines = [
        command.python.replace("--port /dev/ttyUSB1", "--sim build/arty_a7")
        for page in pages
        for command in commands()
        if command.page.name == page and not any(word in command.line for word in FOR_A_BOARD)
    ]
    assert lines
    for line in lines:
        done = subprocess.run(
            f"{shlex.quote(sys.executable)} -m {line}",
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (line, done.stderr)
