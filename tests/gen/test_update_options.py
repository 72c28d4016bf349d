"""Who may change the weights of a board that is generated, and what is said of that."""

import json
from dataclasses import replace

import pytest

from boards import BOARDS
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.keys import load_key
from gen.ir.envelope import without_envelope
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from gen.plan.link import link_cost
from gen.plan.planner import Goal, plan
from gen.report.stored import load_figures
from gen.update_options import RoomForUpdates, UpdateOptions, Updates, as_asked
from protocol.contents.key import SECRET_BYTES
from protocol.contents.layout import Layout
from protocol.messages import MOST_MEMORIES
from tests.networks import conv_network, tiny_network, updatable

SECRET = bytes(range(SECRET_BYTES))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margin": 1}, "--margin is for --updatable"),
        ({"margin": 0}, "--margin is for --updatable"),
        ({"update_key": "k"}, "--update-key is for --updatable"),
        ({"update_open": True}, "--update-open is for --updatable"),
        ({"updatable": True}, "who may change the weights"),
        ({"updatable": True, "update_key": "k", "update_open": True}, "leave one out"),
        ({"updatable": True, "update_key": "missing"}, "cannot be read"),
        ({"updatable": True, "update_key": "short"}, "exactly 32 bytes"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, message, tmp_path):
    (tmp_path / "k").write_bytes(SECRET)
    (tmp_path / "short").write_bytes(SECRET[1:])
    if "update_key" in given:
        given = given | {"update_key": tmp_path / given["update_key"]}
    with pytest.raises(FirebrickError, match=message):
        UpdateOptions(**given).chosen()


def test_a_board_takes_updates_from_who_has_the_key_or_from_anyone_or_not_at_all(tmp_path):
    path = tmp_path / "k"
    path.write_bytes(SECRET)
    none = UpdateOptions().chosen()
    anyone = UpdateOptions(updatable=True, margin=2, update_open=True).chosen()
    keyed = UpdateOptions(updatable=True, update_key=path).chosen()
    assert (none, anyone) == (None, Updates(2, None))
    assert keyed is not None
    assert keyed.key == load_key(path)
    assert keyed.key.hex() not in repr(keyed)
    assert str(keyed.key) not in repr(keyed)


def test_a_network_with_too_many_convolutions_is_refused():
    network = tiny_network(1)
    many = replace(network, ops=network.ops[:1] * (MOST_MEMORIES // 2 + 1))
    with pytest.raises(FirebrickError, match="128 convolutions; --updatable is for at most 127"):
        Updates().of(many)


def test_room_that_a_file_says_is_not_what_was_asked_for():
    """Or a board that is generated from it would take weights from anyone, unasked."""
    network = tiny_network(1)
    roomy = updatable(network, 1)
    assert not as_asked(roomy, None).updatable
    assert as_asked(roomy, Updates(None)).digest == updatable(network).digest


def test_a_capacity_holds_what_it_holds_with_room_for_other_contents():
    class Looks:
        memory_bits = 5

        def holds(self, network):
            return network.updatable

    room = RoomForUpdates(Looks(), Updates(1))
    assert room.memory_bits == 5
    assert room.holds(without_envelope(updatable(tiny_network(1))))


def build(folder: BuildFolder, network: QuantizedNetwork, key: bytes | None) -> None:
    """A network for a board that can be updated."""
    board = replace(BOARDS["arty_a7"], keyed=key is not None)
    network = updatable(network, 1)
    goal = Goal(board)
    made = goal.plan(network)
    emit(network, replace(made, fixed=goal.fixed(network)), board, folder, key=key)


def test_what_is_written_of_a_keyed_board_tells_all_but_the_key(tmp_path):
    key = load_key_of(tmp_path)
    folder = BuildFolder(tmp_path / "build")
    build(folder, tiny_network(1), key)
    assert folder.manifest().keyed
    figures = load_figures(folder)
    network = load_network(folder.network)
    layout = Layout.from_json(folder.contents.read_bytes())
    assert network.updatable
    assert layout.structure == network.structure
    assert len(layout.memories) == 2 * len(network.convs)
    report = " ".join(folder.report.read_text().split())
    assert "new weights over the link, by whoever has the key" in report
    assert f"with fixed ones {figures.fixed[:20]}" in report
    design = {folder.design, folder.sim_verilog, folder.path / "top.v", folder.path / "sim_top.il"}
    for file in {folder.path / name for name in folder.names()} - design:
        content = file.read_bytes()
        for form in (key, key[::-1], SECRET, key.hex().encode(), SECRET.hex().encode()):
            assert form not in content, file


def load_key_of(tmp_path) -> bytes:
    path = tmp_path / "k"
    path.write_bytes(SECRET)
    return load_key(path)


def test_an_open_board_says_that_anyone_may_change_its_weights(tmp_path):
    folder = BuildFolder(tmp_path / "build")
    build(folder, conv_network(), None)
    assert not folder.manifest().keyed
    assert "ANYONE" in folder.report.read_text()
    assert "keyed" not in json.loads(folder.manifest_path.read_text())


def test_what_takes_updates_costs_something():
    network, board = tiny_network(1), BOARDS["arty_a7"]
    changed = updatable(network, 1)
    fixed = link_cost(board, network)
    costs = [link_cost(replace(board, keyed=keyed), changed) for keyed in (False, True)]
    assert fixed.lut < costs[0].lut < costs[1].lut
    assert link_cost(replace(board, keyed=True), network) == fixed


def test_the_plan_with_fixed_contents_is_that_of_the_network_without_an_envelope():
    network, board = updatable(tiny_network(1)), BOARDS["arty_a7"]
    found = Goal(board).fixed(network)
    made = plan(without_envelope(network), board)
    assert (found.cycles, found.resources) == (made.cycles, made.resources)
