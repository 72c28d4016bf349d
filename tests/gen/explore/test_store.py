import json
import sqlite3

import pytest

from gen.common.errors import FirebrickError
from gen.explore.point import Result
from gen.explore.store import Store
from tests.gen.explore.sweeps import DESIGN, made_space

A, B = made_space("sr=0.5,0.25").points()
PLANNED = Result(1000, 2000, DESIGN)
REFUSED = Result(1000, 2000, why="it does not fit")


def test_results_come_back(tmp_path):
    with Store(tmp_path / "r.sqlite", "v1") as store:
        assert store.known([A, B]) == {}
        store.put(A, PLANNED)
        store.put(B, REFUSED)
    with Store(tmp_path / "r.sqlite", "v1") as store:
        assert store.known([B, A]) == {A: PLANNED, B: REFUSED}
        store.put(A, REFUSED)
        assert store.known([A]) == {A: REFUSED}
    assert [path.name for path in tmp_path.iterdir()] == ["r.sqlite"]


def test_other_code_has_other_results(tmp_path):
    with Store(tmp_path / "r.sqlite", "v1") as store:
        store.put(A, PLANNED)
    with Store(tmp_path / "r.sqlite", "v2") as store:
        assert store.known([A]) == {}
        store.put(A, REFUSED)
    with Store(tmp_path / "r.sqlite", "v1") as store:
        assert store.known([A]) == {A: PLANNED}


@pytest.mark.parametrize(
    "others",
    [
        made_space("sr=0.5", boards=("genesys2",)),
        made_space("sr=0.5", size=64),
        made_space("sr=0.5", bypass="simple"),
    ],
)
def test_points_that_differ_are_not_mixed_up(tmp_path, others):
    with Store(tmp_path / "r.sqlite", "v1") as store:
        store.put(A, PLANNED)
        assert store.known(others.points()) == {}


def test_two_writers(tmp_path):
    with Store(tmp_path / "r.sqlite", "v") as one, Store(tmp_path / "r.sqlite", "v") as other:
        one.put(A, PLANNED)
        other.put(B, REFUSED)
        assert one.known([A, B]) == other.known([A, B]) == {A: PLANNED, B: REFUSED}


def test_rows_can_be_read_by_others(tmp_path):
    with Store(tmp_path / "r.sqlite", "v1") as store:
        store.put(A, PLANNED)
    file = sqlite3.connect(tmp_path / "r.sqlite")
    (row,) = file.execute("SELECT code, point, result FROM results").fetchall()
    file.close()
    assert row[0] == "v1"
    assert json.loads(row[1]) == A.to_json()
    assert json.loads(row[2])["design"]["cycles"] == DESIGN.cycles


def damage_text(path):
    path.write_text("no database at all, but long enough to look at" * 30)


def damage_row(path):
    with Store(path, "v1") as store:
        store.put(A, PLANNED)
    file = sqlite3.connect(path)
    file.execute("UPDATE results SET result = '{\"design\": 5}'")
    file.commit()
    file.close()


def other_database(path):
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE results (key TEXT)")
    file.commit()
    file.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_text, "cannot be used for results (file is not a database)"),
        (damage_row, "cannot be used for results"),
        (other_database, "is a database of something else"),
        (lambda path: path.mkdir(), "unable to open database file"),
    ],
)
def test_files_that_hold_no_results(tmp_path, damage, message):
    damage(tmp_path / "r.sqlite")
    with pytest.raises(FirebrickError) as error, Store(tmp_path / "r.sqlite", "v1") as store:
        store.known([A])
    assert message in str(error.value)
    assert str(tmp_path / "r.sqlite") in str(error.value)
