import onnx
import pytest

from gen.common.errors import FirebrickError
from gen.compile import PARTS, Request, compile_network
from tests.gen.onnx_models import squeezenet
from tests.gen.test_cli import write_photos


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    onnx.save(squeezenet(), folder / "float.onnx")
    (folder / "photos").mkdir()
    write_photos(folder / "photos", 3)
    return folder


def load(files, limit, fits):
    request = Request(files / "float.onnx", files / "photos", memory_limit=limit, fits=fits)
    return compile_network(request)


def weights(files):
    return load(files, None, None).weight_count


def test_the_largest_part_of_the_memory_that_fits_is_taken(files):
    limit, asked = 5 * weights(files), []

    def fits(network):
        asked.append(network.weight_bit_count)
        return network.weight_bit_count <= 0.85 * limit

    network = load(files, limit, fits)
    assert network.weight_bit_count == asked[-1]
    assert 0.8 * limit < network.weight_bit_count <= 0.84 * limit
    assert len(asked) == 1 + PARTS.index(0.84)
    assert asked == sorted(asked, reverse=True)


def test_what_fits_no_way_is_left_to_the_planner_to_refuse(files):
    limit = 5 * weights(files)
    network = load(files, limit, lambda _: False)
    assert 0.96 * limit < network.weight_bit_count <= PARTS[0] * limit


def test_wide_weights_stay_where_there_is_room(files):
    def fits(network):
        raise AssertionError("asked for nothing")

    network = load(files, 9 * weights(files), fits)
    assert {op.weight_bits for op in network.convs} == {8}


def test_what_no_board_can_be_built_of_is_refused_before_photographs_are_asked_for(files):
    model = squeezenet()
    for node in model.graph.node:
        if node.op_type == "Concat":
            node.input[:] = reversed(node.input)
            break
    onnx.save(model, files / "swapped.onnx")
    request = Request(files / "swapped.onnx", memory_limit=10_000_000)
    with pytest.raises(FirebrickError, match="a Fire module concatenates"):
        compile_network(request)
