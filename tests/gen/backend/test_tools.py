import os

import pytest

from gen.backend.tools import ToolFailed, find_tool, run_tool
from tests.gen.backend.tools import stand_in


@pytest.fixture
def tools(tmp_path, monkeypatch):
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}:{os.defpath}")
    return path


def test_a_build_of_its_own_comes_before_webassembly(tools):
    assert find_tool("of-nobody") is None
    stand_in(tools, "yowasp-of-nobody")
    assert find_tool("of-nobody") == str(tools / "yowasp-of-nobody")
    stand_in(tools, "of-nobody")
    assert find_tool("of-nobody") == str(tools / "of-nobody")


def test_every_line_is_told_and_kept(tools, tmp_path):
    stand_in(tools, "tool", "echo one; echo two >&2; printf '\\377\\n'; pwd")
    lines: list[str] = []
    run_tool([str(tools / "tool")], tmp_path, tmp_path / "log", lines.append)
    assert lines == ["one\n", "two\n", "\ufffd\n", f"{tmp_path.resolve()}\n"]
    assert (tmp_path / "log").read_text(encoding="utf-8") == "".join(lines)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("echo 'ERROR: first'", "echo 'ERROR: second'"), "ERROR: first"),
        (("echo fine", "echo last"), "last"),
        ((), "no message"),
    ],
)
def test_a_failure_has_the_tools_own_reason(tools, tmp_path, lines, reason):
    stand_in(tools, "tool", *lines, "exit 7")
    with pytest.raises(ToolFailed, match=f"tool failed with status 7: {reason}; ") as error:
        run_tool([str(tools / "tool")], tmp_path, tmp_path / "log")
    assert error.value.status == 7


def test_a_tool_is_ended_with_who_listens(tools, tmp_path):
    stand_in(tools, "tool", "echo on", "exec sleep 60")

    def interrupted(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tool([str(tools / "tool")], tmp_path, tmp_path / "log", interrupted)
