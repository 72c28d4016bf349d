from dataclasses import dataclass, field
from pathlib import Path

import onnx
import pytest

from gen.common.errors import FirebrickError
from gen.compile import PARTS, Capacity, Request, compile_network
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from tests.gen.onnx_models import squeezenet
from tests.gen.test_cli import write_photos
from tests.networks import NetworkBuilder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    onnx.save(squeezenet(), folder / "float.onnx")
    (folder / "photos").mkdir()
    write_photos(folder / "photos", 3)
    return folder


@dataclass
class Memory:
    """A capacity of so many bits, which holds weights of at most a part of them."""

    memory_bits: int
    part: float
    asked: list[int] = field(default_factory=list)

    def holds(self, network: QuantizedNetwork) -> bool:
        self.asked.append(network.weight_bit_count)
        return network.weight_bit_count <= self.part * self.memory_bits


def load(files: Path, capacity: Capacity | None = None) -> QuantizedNetwork:
    request = Request(files / "float.onnx", files / "photos", capacity=capacity)
    return compile_network(request)


def memory(files: Path, bits: int, part: float) -> Memory:
    """So many bits for each weight of the network."""
    return Memory(bits * load(files).weight_count, part)


def test_the_largest_part_of_the_memory_that_fits_is_taken(files):
    board = memory(files, 5, 0.85)
    network = load(files, board)
    assert network.weight_bit_count == board.asked[-1]
    assert 0.8 * board.memory_bits < network.weight_bit_count <= 0.84 * board.memory_bits
    assert len(board.asked) == 1 + PARTS.index(0.84)
    assert board.asked == sorted(board.asked, reverse=True)


def test_what_fits_no_way_is_left_to_the_planner_to_refuse(files):
    board = memory(files, 5, 0)
    network = load(files, board)
    assert 0.96 * board.memory_bits < network.weight_bit_count <= PARTS[0] * board.memory_bits
    assert len(board.asked) > 1


def test_wide_weights_stay_where_there_is_room(files):
    board = memory(files, 9, 1)
    assert {op.weight_bits for op in load(files, board).convs} == {8}
    assert board.asked == []


def test_what_no_board_can_be_built_of_is_refused_before_photographs_are_asked_for(
    files, monkeypatch
):
    onnx.save(squeezenet(), files / "net.onnx")
    seen = []

    def refuse(graph):
        seen.append(graph.name)
        raise FirebrickError("no hardware")

    monkeypatch.setattr("gen.compile.check_hardware", refuse)
    with pytest.raises(FirebrickError, match="no hardware"):
        compile_network(Request(files / "net.onnx", capacity=Memory(10_000_000, 1)))
    assert seen == ["net"]
    with pytest.raises(FirebrickError, match="needs photographs"):
        compile_network(Request(files / "net.onnx"))


def test_an_integer_network_without_hardware_is_refused_for_a_board_only(tmp_path):
    builder = NetworkBuilder((6, 6, 3), 1)
    x = builder.conv("conv1", "input", 4, 3)
    builder.conv("unread", x, 4, 1)
    network = builder.finish("idle", builder.conv("conv10", x, 3, 1))
    path = tmp_path / "network.npz"
    save_network(network, path)
    assert compile_network(Request(path)).digest == network.digest
    with pytest.raises(FirebrickError, match="nothing reads 'unread'; leave it out"):
        compile_network(Request(path, capacity=Memory(10_000_000, 1)))
