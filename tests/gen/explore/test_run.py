import json

import pytest

from gen.common.errors import FirebrickError
from gen.common.workers import Here
from gen.explore import run
from gen.explore.point import Result
from gen.explore.run import Means, explore, plan_missing
from gen.explore.store import Store
from gen.explore.version import code_version
from tests.gen.explore.sweeps import made_results, made_space
from tests.recorder import Recorder

SPACE = made_space("sr=0.125:0.5:4", "pct_3x3=0.5,0.25")


@pytest.fixture
def planner(monkeypatch):
    """Results from a table; gives a list of the points that were asked for."""
    results, asked = made_results(SPACE), []

    def plan_point(code, point):
        assert code == code_version()
        asked.append(point)
        return results[point]

    monkeypatch.setattr(run, "plan_point", plan_point)
    return asked


def test_a_second_run_plans_nothing(planner, tmp_path, capsys):
    means = Means(1, None, tmp_path / "a" / "b", plot=False)
    explore(SPACE, means)
    assert planner == list(SPACE.points())
    first = capsys.readouterr().out
    files = {path.name: path.read_bytes() for path in means.out.iterdir()}
    assert sorted(files) == ["results.sqlite", "sweep.csv", "sweep.json"]
    planner.clear()
    explore(SPACE, means)
    assert planner == []
    assert {path.name: path.read_bytes() for path in means.out.iterdir()} == files
    second = capsys.readouterr().out
    assert "8 points planned, 0 known from before" in first
    assert "0 points planned, 8 known from before" in second
    assert first.splitlines()[:-1] == second.splitlines()[:-1]


def test_the_points_for_programs(planner, tmp_path, capsys):
    means = Means(1, None, tmp_path, plot=False, json=True)
    explore(SPACE, means)
    printed = capsys.readouterr().out
    assert len(json.loads(printed)["points"]) == 8
    assert printed == (tmp_path / "sweep.json").read_text()


def test_a_larger_sweep_plans_what_is_missing(planner, tmp_path):
    means = Means(1, None, tmp_path, plot=False)
    smaller = made_space("pct_3x3=0.25", "sr=0.25,0.5")
    explore(smaller, means)
    planner.clear()
    explore(SPACE, means)
    assert planner == [point for point in SPACE.points() if point not in set(smaller.points())]


def test_what_was_planned_before_an_interrupt_is_kept(planner, tmp_path, capsys, monkeypatch):
    put = Store.put

    def interrupted(store, point, result):
        put(store, point, result)
        if len(planner) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        explore(SPACE, Means(1, None, tmp_path, plot=False))
    told = capsys.readouterr()
    assert told.out == ""
    assert "3 of 8 points are planned, and kept in" in told.err
    assert "the same command goes on from there" in told.err
    monkeypatch.setattr(Store, "put", put)
    planner.clear()
    explore(SPACE, Means(1, None, tmp_path, plot=False))
    assert planner == list(SPACE.points())[3:]


def test_faults_are_shown_but_not_kept(monkeypatch, tmp_path, capsys):
    fault = Result(1000, 2000, why="fault: AssertionError: oh", lasting=False)
    monkeypatch.setattr(run, "plan_point", lambda code, point: fault)
    for _ in range(2):
        explore(SPACE, Means(1, None, tmp_path, plot=False))
        out = capsys.readouterr().out
        assert out.count("fault: AssertionError: oh") == 8
        assert "8 points planned, 0 known" in out


def test_progress_counts_points(planner, tmp_path):
    progress = Recorder()
    points = list(SPACE.points())
    with Store(tmp_path / "r.sqlite", code_version()) as store:
        found = plan_missing(points, Here(), store, progress=progress)
    assert list(found) == points
    assert progress.steps == [(done, 8) for done in range(9)]


def test_a_plot_needs_matplotlib_before_anything_is_planned(planner, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FirebrickError, match="leave it out with --no-plot"):
        explore(SPACE, Means(1, None, tmp_path / "a"))
    assert planner == []
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be(planner, tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(FirebrickError, match="choose another --out"):
        explore(SPACE, Means(1, None, tmp_path / "a" / "b", plot=False))


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster(tmp_path):
    distributed = pytest.importorskip("distributed", reason="the test starts a Dask cluster")
    tiny = made_space("sr=0.5,7", size=32, classes=10, base_e=8, incr_e=0)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        explore(tiny, Means(None, cluster.scheduler_address, tmp_path, plot=False))
    fits, none = json.loads((tmp_path / "sweep.json").read_text())["points"]
    assert fits["frames_per_second"] > 1000
    assert "sr takes a number above 0" in none["why_not"]
    with Store(tmp_path / "results.sqlite", code_version()) as store:
        assert len(store.known(tiny.points())) == 2
