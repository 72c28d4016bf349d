"""The files beside the code: versions, local links, and what continuous integration runs."""

import re
import tomllib

import pytest

from tests.paths import ROOT

PAGES = ["CONTRIBUTING.md", "SECURITY.md", "docs/report.md"]


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation


def test_continuous_integration_runs_what_decides():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    [run] = re.findall(r"^ +- run: (.*)$", workflow, re.MULTILINE)
    assert (ROOT / run).is_file()


@pytest.mark.parametrize("page", PAGES)
def test_local_links_lead_somewhere(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^):]+)\)", path.read_text()):
        file, _, anchor = link.partition("#")
        target = path.parent / file
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page):
    named = re.findall(
        r"`((?:boards|gen|hw|tests|docs)/[\w/.]+\.(?:py|md))`", (ROOT / page).read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []
