"""The network that ships with firebrick."""

from pathlib import Path

import numpy as np
import pytest
import skimage

from boards import BOARDS
from gen.formats.default import DEFAULT_PATH, default_network
from gen.frames.class_results import top_k
from gen.frames.images import load_frame, load_tar
from gen.plan.planner import Goal, plan
from sim import golden
from tests.paths import SHARED

TEST_SET = SHARED / "cifar10" / "test.tar"


def test_it_is_small():
    network = default_network()
    assert network.weight_bit_count <= 1_200_000
    assert DEFAULT_PATH.stat().st_size < 1_000_000
    assert network.labels[:4] == ("airplane", "automobile", "bird", "cat")


def test_it_fits_every_board_but_those_with_the_smallest_fpga():
    network = default_network()
    too_small = {name for name, board in BOARDS.items() if not Goal(board).holds(network)}
    assert too_small == {"ecpix5_45", "colorlight_i9"}


@pytest.mark.parametrize("board", ["arty_a7", "arty_a7_35", "ulx3s_85"])
def test_its_plan_is_no_larger_than_the_board(board):
    made = plan(default_network(), BOARDS[board])
    used, held = made.resources, BOARDS[board].resources
    assert used.dsp <= held.dsp
    assert used.bram36 <= held.bram36
    assert used.lut <= held.lut


def test_it_knows_a_cat():
    network = default_network()
    picture = Path(skimage.__file__).parent / "data" / "chelsea.png"
    frame = load_frame(picture, network.preprocessing)
    (sums,) = golden.class_sums(network, frame[None])
    assert top_k(sums, network, 1)[0][0] == "cat"


@pytest.mark.skipif(not TEST_SET.exists(), reason=f"needs the CIFAR-10 test set, {TEST_SET}")
def test_accuracy_in_integers():
    network = default_network()
    frames, classes = load_tar(TEST_SET, network.preprocessing, 1000)
    expected = [network.labels.index(name) for name in classes]
    right = golden.class_sums(network, frames).argmax(axis=1) == np.array(expected)
    assert right.mean() > 0.84


def test_its_digest_is_what_it_was_before_ops_had_groups_and_padding():
    assert default_network().digest.hex() == "b9116ec5ec5667ac"
