"""The files beside the code: versions, and what continuous integration runs."""

import re
import tomllib

from tests.paths import ROOT


def test_the_citation_is_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation


def test_continuous_integration_runs_what_decides():
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    [run] = re.findall(r"^ +- run: (.*)$", workflow, re.MULTILINE)
    assert (ROOT / run).is_file()
