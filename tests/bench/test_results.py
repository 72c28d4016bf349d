"""Results of benchmarks: kept with where they come from, and shown."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import bench.cli
from bench.choice import ALL, chosen
from bench.results import Result, commit, processor, rows, stored
from gen.common.errors import FirebrickError
from tests.generated import run_command


@dataclass
class Case:
    cycles: int
    busy: float


def benches(monkeypatch, **runs):
    """Only these benchmarks, by what their ``run`` does."""
    made = {name: SimpleNamespace(run=run, __doc__=f"{name}.") for name, run in runs.items()}
    monkeypatch.setattr(bench.cli, "BENCHMARKS", tuple(made))
    monkeypatch.setattr(bench.cli, "_module", made.__getitem__)


def test_a_result_comes_back_as_it_was(tmp_path):
    figures = {"a": Case(3, 0.5), "b": {"wrong": np.int64(0)}}
    made = Result.now("chain", "python -m bench chain", figures, "0123abcd")
    assert made.figures == {"a": {"cycles": 3, "busy": 0.5}, "b": {"wrong": 0}}
    assert made.save(tmp_path) == tmp_path / "chain.json"
    assert stored(("other", "chain"), tmp_path) == {"chain": made}
    assert made.processor == processor() != ""


@pytest.mark.parametrize("text", ["{", "{}", '{"name": "chain"}', "[]"])
def test_what_is_no_result_is_refused(tmp_path, text):
    (tmp_path / "chain.json").write_text(text)
    with pytest.raises(FirebrickError, match=r"chain.json: no result .*python -m bench all"):
        stored(("chain",), tmp_path)


def test_figures_are_told_one_after_another():
    figures = {"a": {"b": 1, "c": {"d": True, "e": None}}, "f": [1, {"h": 2.5}], "g": 1 / 3}
    expected = [("a, b", "1"), ("a, c, d", "yes"), ("a, c, e", ""), ("f", "1, h 2.5")]
    assert list(rows(figures)) == [*expected, ("g", "0.333333")]


def test_all_goes_on_behind_what_fails(monkeypatch, tmp_path, capsys):
    def missing(console, shared, limit):
        raise FileNotFoundError(2, "No such file", "models/a.onnx")

    def quick(console, shared, limit):
        return {"images": limit}

    benches(monkeypatch, broken=missing, good=quick)
    out = tmp_path / "results"
    assert run_command(monkeypatch, bench.cli.app, "all", "--quick", "--out", out) == 1
    told = capsys.readouterr().out
    assert "models/a.onnx: missing" in told
    assert "failed: broken" in told
    [path] = out.iterdir()
    entry = json.loads(path.read_text())
    assert entry["figures"] == {"images": 2}
    assert entry["command"] == "python -m bench good --limit 2"
    assert entry["commit"] == commit()


def test_some_of_all(monkeypatch, tmp_path, capsys):
    benches(monkeypatch, one=lambda *_: {}, two=lambda *_: {})
    assert run_command(monkeypatch, bench.cli.app, "all", "two", "--out", tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["two.json"]
    assert run_command(monkeypatch, bench.cli.app, "all", "three", "--out", tmp_path) == 2
    assert "no benchmark 'three'; there are one, two" in capsys.readouterr().err


def test_one_result_is_kept_with_its_options(monkeypatch, tmp_path):
    def figures(console, shared, limit, only):
        return {"limit": limit, "only": only}

    monkeypatch.setattr(bench.cli, "_module", lambda name: SimpleNamespace(run=figures))
    options = ("--only", "v1.1*", "--only", "b", "--limit", "7", "--out", tmp_path)
    assert run_command(monkeypatch, bench.cli.app, "link", *options) == 0
    [kept] = stored(("link",), tmp_path).values()
    assert kept.command == "python -m bench link --only 'v1.1*' --only b --limit 7"
    assert kept.figures == {"limit": 7, "only": ["v1.1*", "b"]}


def test_chosen_titles_are_those_of_any_pattern():
    assert chosen("a, b", ("c", "a*"))
    assert not chosen("a, b", ("a", "*c"))
    assert chosen("anything", ALL)
