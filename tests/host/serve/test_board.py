import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.new_contents import NewContents
from host.serve.board import BoardAway
from host.serve.limits import Limits
from host.serve.queue import QueueFull
from host.update import Updater
from tests.host.fake_board import MemoryTransport
from tests.host.serve.boards import NETWORK, Patient, class_sums
from tests.host.updatable_board import BUILD, UpdatableBoard, write_folder
from tests.host.updates import cut_at_begin
from tests.networks import random_frames

FRAMES = random_frames(NETWORK, 12)


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come to be")


def test_every_client_gets_its_own_answers():
    patient, answers = Patient(), {}

    def ask(board, client):
        own = np.roll(FRAMES, client, axis=0)
        futures = [board.submit(f"{client}", frame) for frame in own]
        answers[client] = own, [future.result(20).result.sums for future in futures]

    with patient.shared() as board:
        threads = [threading.Thread(target=ask, args=(board, client)) for client in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = board.state()
    assert sorted(answers) == [0, 1, 2, 3]
    for own, sums in answers.values():
        assert all((class_sums(f) == s).all() for f, s in zip(own, sums, strict=True))
    assert (state.answered, state.waiting, state.in_flight, state.away) == (48, 0, 0, None)
    assert state.latency.cycles == FRAMES[0].size
    assert state.latency.on_board > 0


def test_a_late_client_waits_for_what_is_on_the_board_alone():
    patient = Patient()
    patient.held.clear()
    with patient.shared() as board:
        board.submit("greedy", FRAMES[0])
        until(lambda: board.state().in_flight == 1)
        greedy = [board.submit("greedy", FRAMES[0]) for _ in range(10)]
        late = board.submit("late", FRAMES[1])
        patient.held.set()
        late.result(20)
        assert [future.result(20) for future in greedy]
    assert patient.order.index(FRAMES[1].tobytes()) <= 3


def test_no_more_waits_than_may():
    patient = Patient()
    patient.held.clear()
    with patient.shared(Limits(waiting=3, waiting_of_one=2)) as board:
        first = board.submit("a", FRAMES[0])
        until(lambda: board.state().in_flight == 1)
        waiting = [board.submit("a", FRAMES[1]) for _ in range(2)]
        with pytest.raises(QueueFull, match="2 of your"):
            board.submit("a", FRAMES[1])
        patient.held.set()
        assert [future.result(20) for future in (first, *waiting)]


def test_a_board_that_dies_is_met_again():
    patient = Patient()
    with patient.shared() as board:
        assert board.submit("a", FRAMES[0]).result(20)
        patient.on = False
        until(lambda: board.state().away)
        assert "nobody answers" in board.state().away or "said nothing" in board.state().away
        with pytest.raises(BoardAway, match="fake board"):
            board.submit("a", FRAMES[0])
        patient.on = True
        until(lambda: board.state().away is None)
        result = board.submit("a", FRAMES[0]).result(20).result
        assert (result.sums == class_sums(FRAMES[0])).all()
        assert board.state().met == 2


def test_frames_on_a_board_that_dies_get_an_error():
    patient = Patient()
    patient.held.clear()
    with patient.shared() as board:
        lost = [board.submit("a", frame) for frame in FRAMES[:3]]
        until(lambda: board.state().in_flight)
        patient.on = False
        patient.held.set()
        until(lambda: board.state().away)
        # What the board had was answered before it died, or is known to be lost.
        kinds = {type(future.exception(20)) for future in lost}
        assert BoardAway in kinds
        assert kinds <= {BoardAway, type(None)}


def test_frames_get_an_error_when_the_server_stops():
    patient = Patient()
    patient.held.clear()
    board = patient.shared()
    futures = [board.submit("a", frame) for frame in FRAMES[:2]]
    until(lambda: board.state().in_flight)
    patient.on = False
    patient.held.set()
    board.close()
    assert {type(future.exception(20)) for future in futures} <= {BoardAway, type(None)}
    with pytest.raises(BoardAway, match="stopping"):
        board.submit("a", FRAMES[0])


def test_another_board_is_not_taken_for_the_first():
    patient = Patient()
    with patient.shared() as board:
        patient.on = False
        until(lambda: board.state().away)
        device = patient.board.device
        device.info = replace(device.info, clock_hz=1)
        patient.on = True
        until(lambda: "another board has come" in board.state().away)
        with pytest.raises(BoardAway, match="another board has come"):
            board.submit("a", FRAMES[0])


def test_a_board_that_is_updated_is_away_until_it_is_restored(tmp_path):
    updated = UpdatableBoard()
    patient, folder = Patient(updated, BUILD), write_folder(tmp_path / "build")
    frame = random_frames(BUILD, 1)[0]
    with patient.shared() as board:
        first = board.submit("a", frame).result(20).result
        patient.on = False
        until(lambda: board.state().away)
        cut_at_begin(updated, folder)
        patient.on = True
        until(lambda: "an update of its contents has begun" in board.state().away)
        patient.on = False
        until(lambda: "nobody answers" in board.state().away)
        with Updater(MemoryTransport(updated), NewContents.of(folder, BUILD), None) as updater:
            updater.run()
        patient.on = True
        until(lambda: board.state().away is None)
        again = board.submit("a", frame).result(20).result
    assert updated.device.info.counter == 2
    assert (first.sums == again.sums).all()


def test_there_must_be_a_board_to_begin_with():
    patient = Patient()
    patient.on = False
    with pytest.raises(FirebrickError, match="nobody answers"):
        patient.shared()


def test_frames_of_another_shape_never_reach_the_board():
    with Patient().shared() as board, pytest.raises(ValueError, match="uint8"):
        board.submit("a", FRAMES[0, :-1])


def test_a_fault_of_ours_is_told_and_got_over(caplog, monkeypatch):
    patient = Patient()
    with patient.shared() as board:
        monkeypatch.setattr(Driver, "losses", lambda self: 1 / 0)
        until(lambda: board.state().away)
        assert "failed" in board.state().away
        monkeypatch.undo()
        until(lambda: board.state().away is None)
    assert "ZeroDivisionError" in caplog.text
