"""Pages are what the code says, links lead somewhere, and commands are understood."""

import importlib
import re
import shlex

import pytest
import typer.core

from docs import pages
from tests.docs.commands import PAGES, commands
from tests.generated import run_command
from tests.paths import ROOT

COMMANDS = [command for command in commands() if command.python]


@pytest.mark.parametrize("name", pages.PAGES)
def test_pages_are_written_from_the_code(name):
    assert pages.PAGES[name].read_text() == pages.page(name), "run python -m docs.pages"


def test_the_example_on_the_line_is_escaped():
    assert "7D 5D 7D 5E" in pages.page("protocol.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^):]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert anchor in slugs, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    folders = "bench|boards|docs|gen|host|hw|models|protocol|sim|tests"
    named = re.findall(rf"`((?:{folders})/[\w/.]+\.(?:py|md|json))`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_is_on_the_site():
    site = (ROOT / "mkdocs.yml").read_text()
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f": {page.name}" not in site]
    assert missing == []


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_commands_are_understood(command, monkeypatch, tmp_path):
    reached = []
    monkeypatch.setattr(
        typer.core.TyperCommand, "invoke", lambda self, context: reached.append(context.params)
    )
    monkeypatch.chdir(tmp_path)
    package, *arguments = shlex.split(command.python)
    status = run_command(monkeypatch, importlib.import_module(f"{package}.cli").app, *arguments)
    assert status == 0
    assert reached or arguments in ([], ["--help"])


def test_a_command_that_is_not_understood_is_noticed(monkeypatch):
    app = importlib.import_module("gen.cli").app
    assert run_command(monkeypatch, app, "--bord", "arty_a7") == 2
