"""``firebrick``: programs as commands, and what a shell may complete."""

from importlib.metadata import entry_points

import pytest

from gen.common import programs
from tests.generated import run_command


def completed(monkeypatch, capsys, line: str) -> list[str]:
    """What a shell is told when the Tab key is pressed at the end of a line."""
    words = line.split(" ")
    for name, value in {
        "_FIREBRICK_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        programs.app(prog_name="firebrick")
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(("line", "expected"), [
    ("firebrick ", {"gen", "sim", "host", "bench"}),
    ("firebrick ho", {"host"}),
    ("firebrick gen ex", {"export", "explore"}),
    ("firebrick gen --bo", {"--board"}),
    ("firebrick gen --board ulx", {"ulx3s_85"}),
    ("firebrick gen compare --ht", {"--html"}),
    ("firebrick sim --tr", {"--trace"}),
    ("firebrick host st", {"stream"}),
])  # fmt: skip
def test_the_tab_key(monkeypatch, capsys, line: str, expected: set[str]):
    assert set(completed(monkeypatch, capsys, line)) == expected


def test_programs_run_and_fail_as_by_themselves(monkeypatch, capsys):
    assert run_command(monkeypatch, programs.app, "gen", "--board", "nope") == 2
    assert "unknown board 'nope'" in capsys.readouterr().err


def test_no_such_program(monkeypatch, capsys):
    assert run_command(monkeypatch, programs.app, "generate") == 2
    assert "No such command 'generate'" in capsys.readouterr().err


def test_the_command_is_installed():
    [found] = entry_points(group="console_scripts", name="firebrick")
    assert found.load() is programs.main
