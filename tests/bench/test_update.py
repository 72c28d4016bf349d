"""The benchmark of updates, with few of everything."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from bench import update, update_cost, update_faults, update_forgeries
from bench.update_cost import CASES, LINKS, boards, one_layer, others, sending
from bench.update_faults import JUDGEMENTS, compare
from bench.update_forgeries import FORGERS, Forger, Target, measure
from bench.update_lines import simulated
from bench.update_talk import KEY, KEYED, Contents, keyed_board, small_network
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT
from gen.plan.planner import Goal
from host.sim_transport import SimTransport
from protocol.contents.blocks import TAG_BYTES, tag

SMALL = CASES[0]
BUILD = small_network()


@pytest.fixture(scope="module")
def board():
    with keyed_board(BUILD) as made:
        yield made


def test_updates_over_a_bad_link_come_to_their_end(board):
    figures = update_faults.measure(board, 15)
    assert (figures["updates"], figures["wedged"]) == (15, "no")
    assert (figures["wrong answers"], figures["wrong or refused behind updates"]) == (0, 0)
    assert figures["faults"] > 30
    assert figures["frames behind updates"] == 30
    assert all(figures[name] > 0 for name in set(JUDGEMENTS) - {"wrong answers"})


def test_wrong_answers_are_seen(board, monkeypatch):
    def class_sums(network, frames):
        return np.zeros((len(frames), len(network.labels)), np.int64)

    monkeypatch.setattr(update_faults, "golden", SimpleNamespace(class_sums=class_sums))
    figures = update_faults.measure(board, 2)
    assert figures["wrong answers"] > 0
    assert figures["wrong or refused behind updates"] == 4


def test_an_updated_board_computes_as_one_with_these_weights(board):
    assert compare(board, 4) == {
        "frames": 4,
        "refused behind the update": 0,
        "unlike the golden model": 0,
        "unlike a board with these weights": 0,
        "unlike the board before": 4,
    }


def test_no_forgery_is_taken(board):
    figures = measure(board, 120)
    assert figures["forgeries"] == 120
    assert all(figures[f"forged: {kind}"] > 0 for kind in FORGERS)
    refused = [count for name, count in figures.items() if name.startswith("refused: ")]
    assert sum(refused) == 120
    assert len(refused) > 4
    assert figures["taken by the gateware"] == figures["taken by the model"] == 0
    wrong = ("wrong frames", "words written in the model", "changes of the model")
    assert [figures[name] for name in wrong] == [0, 0, 0]
    assert figures["statuses unlike the model's"] == figures["states unlike the model's"] == 0


def test_what_is_taken_is_told(board):
    with SimTransport(board.folder) as transport:
        target = Target(board, transport)
        target.attack(Contents.of(board, BUILD).blocks(1, KEY)[:2], SILENT)
    assert target.found["taken by the gateware"] == target.found["taken by the model"] == 2
    assert target.found["words written in the model"] > 0
    assert target.found["changes of the model"] == 2
    assert target.found["states unlike the model's"] == 0


def test_a_forger_with_the_key_is_found_out(board, monkeypatch):
    def signed(forger):
        made = bytes(forger.genuine()[:-TAG_BYTES])
        return made + tag(made, KEY)

    monkeypatch.setattr(update_forgeries, "FORGERS", {"the key": signed})
    with pytest.raises(FirebrickError, match=r"a genuine update was refused \(\w+\)"):
        measure(board, 20)


def test_forgers_change_something():
    blocks = [bytes([n]) * 40 for n in range(8)]
    forger = Forger(Random(1), blocks[:2], blocks[2:4], blocks[4:], blocks[:1])
    for forge in FORGERS.values():
        assert forge(forger) != blocks[4]


def test_seconds_are_those_of_a_simulated_line():
    board = replace(LINKS["UART at 12 Mbaud"], keyed=True)
    made = Goal(board).plan(BUILD)
    seen = simulated(BUILD, made, board, others(BUILD))
    for name, network in others(BUILD).items():
        got = sending(board, made, BUILD, network)
        # What the board and a host that looks now and then add to some ten packets there and back.
        assert 0 <= seen[name] - got.seconds < 6e-5
        assert got.seconds > 10 * got.bytes / board.baud


def test_one_layer_and_no_tags_are_less():
    made = Goal(KEYED).plan(BUILD)
    whole, layer = others(BUILD).values()
    keyed, alone = (sending(KEYED, made, BUILD, network) for network in (whole, layer))
    opened = sending(replace(KEYED, keyed=False), made, BUILD, whole)
    assert (keyed.memories, alone.memories) == (2 * len(BUILD.convs), 2)
    assert alone.bytes < opened.bytes < keyed.bytes
    assert alone.seconds < opened.seconds < keyed.seconds
    changed = [op is not other for op, other in zip(BUILD.ops, one_layer(BUILD).ops, strict=True)]
    assert sum(changed) == 1


def test_room_for_any_weights_and_a_key_cost_something():
    figures = boards(SMALL, BUILD)
    lut = {title.removeprefix("small, "): entry["LUT"] for title, entry in figures.items()}
    assert lut["fixed"] < lut["--margin 1, open"] < lut["--margin 1, keyed"]
    assert lut["--margin 1, open"] <= lut["any weights, open"] < lut["any weights, keyed"]


def test_a_network_that_is_not_there_is_left_out(monkeypatch, tmp_path, capsys):
    cases = (replace(SMALL, simulated=False), replace(SMALL, title="none", needs="none.onnx"))
    monkeypatch.setattr(update_cost, "CASES", cases)
    monkeypatch.setattr(update_faults, "run", lambda limit, _: ({"updates": limit}, {"frames": 1}))
    monkeypatch.setattr(update_forgeries, "run", lambda limit, _: {"forgeries": limit})
    figures = update.run(Console(width=200), tmp_path, 7)
    assert list(figures) == ["updates", "boards", "faults", "sums", "forgeries"]
    assert figures["faults"] == {"updates": 7}
    assert len(figures["updates"]) == 8
    told = capsys.readouterr().out
    assert f"none: left out, there is no {tmp_path / 'none.onnx'}" in " ".join(told.split())
    assert "small, conv10 alone, UDP at 100 Mb/s, keyed" in told
