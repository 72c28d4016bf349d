import io
import os
import re

import pytest
from rich.console import Console

from gen.common import progress
from gen.common.progress import SILENT, Part, phases, progress_line
from tests.recorder import Recorder

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def screen(monkeypatch):
    """What a terminal at standard error gets, without colours and movements."""
    written = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: terminal(written))
    return lambda: CONTROL.sub("", written.getvalue())


def terminal(file):
    return Console(file=file, force_terminal=True, width=100, _environ=os.environ | {"TERM": "vt"})


def test_a_part_is_told_in_thousandths_of_the_whole():
    told = Recorder()
    part = Part(told, 0.2, 0.7)
    part.begin("of no interest")
    for done in (0, 1, 3):
        part.advance(done, 3)
    part.advance(5, 0)
    Part(part, 0.5, 1.0).advance(1, 2)
    assert told.steps == [(200, 1000), (367, 1000), (700, 1000), (575, 1000)]
    assert told.phases == []


def test_phases_stay_on_screen(screen):
    with phases() as display:
        display.advance(1, 2)  # before there is any phase
        display.begin("import")
        display.begin("quantise")
        display.advance(1, 4)
        display.advance(2, 0)
        display.begin("plan")
    last = screen().splitlines()[-3:]
    for line, name in zip(last, ("import", "quantise", "plan"), strict=True):
        assert re.search(rf"✓ {name} +━+ +100% 0:00:0", line), line


def test_a_phase_shows_its_percentage(screen):
    with phases() as display:
        display.begin("quantise")
        display.advance(1, 4)
        display._display.refresh()
        assert re.search(r"quantise .* 25%", screen())


def test_a_failed_phase_is_not_done(screen):
    def fail():
        with phases() as display:
            display.begin("import")
            display.begin("plan")
            raise ValueError("no plan")

    with pytest.raises(ValueError, match="no plan"):
        fail()
    done, failed = screen().splitlines()[-2:]
    assert "✓ import" in done
    assert "plan" in failed
    assert "✓" not in failed


def test_transient_phases_leave_what_was_printed_meanwhile():
    written = io.StringIO()
    console = terminal(written)
    with phases(console, transient=True) as display:
        display.begin("score")
        console.print("top-1: 60")
    text = written.getvalue()
    assert "score" in text
    assert "top-1: 60\n" in CONTROL.sub("", text)
    assert text.endswith("\x1b[2K")  # the display's last line is erased


def test_a_line_is_for_all_phases_and_gone_at_the_end(screen):
    with progress_line("Verilator") as line:
        assert screen() == ""
        line.begin("translating to C++")
        line._display.refresh()
        assert re.search(r"Verilator: translating to C\+\+ .*0/\?", screen())
        line.begin("compiling")
        line.advance(7, 7)
        line._display.refresh()
        assert re.search(r"Verilator: compiling .*7/7", screen())
        line.begin("linking")
        line._display.refresh()
        assert re.search(r"Verilator: linking .*0/\?", screen())
    assert screen().splitlines()[-1].strip() == ""


def test_a_line_that_is_told_nothing_does_not_show(screen):
    with progress_line("Verilator"):
        pass
    assert screen() == ""


def test_away_from_a_terminal_nothing_shows(capfd):
    with phases() as display, progress_line("Verilator") as line:
        for shown in (display, line, SILENT):
            shown.begin("plan")
            shown.advance(1, 2)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
