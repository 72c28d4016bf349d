import pytest

from gen.explore import version
from tests.test_imports import MAY_IMPORT


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of a few files of each part, in the place of the real ones."""
    for part in version.PARTS:
        path = tmp_path / part
        file = path if path.suffix else path / "inner" / "a.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(part)
    (tmp_path / "gen/cost/fitted.json").write_text("{}")
    monkeypatch.setattr(version, "ROOT", tmp_path)
    return tmp_path


def fresh() -> str:
    return version.code_version.__wrapped__()


@pytest.mark.parametrize(
    "name", ["gen/cost/fitted.json", "gen/explore/point.py", "hw/inner/a.py", "boards/new.py"]
)
def test_whatever_a_plan_depends_on_changes_the_version(tree, name):
    before = fresh()
    assert fresh() == before
    (tree / name).write_text("changed")
    assert fresh() != before


def test_what_only_shows_results_does_not(tree):
    before = fresh()
    (tree / "gen/explore/plot.py").write_text("changed")
    (tree / "gen/cli.py").write_text("changed")
    (tree / "gen/plan/notes.txt").write_text("changed")
    assert fresh() == before


def test_all_that_planning_may_import_is_looked_at():
    reached, left = set(), ["gen.explore"]
    while left:
        package = left.pop()
        if package not in reached:
            reached.add(package)
            left += MAY_IMPORT[package]
    folders = {package.replace(".", "/") for package in reached - {"gen.explore"}}
    covered = {name for name in folders for part in version.PARTS if f"{name}/".startswith(part)}
    assert folders == covered


def test_real_files_are_there():
    assert all((version.ROOT / part).exists() for part in version.PARTS)
