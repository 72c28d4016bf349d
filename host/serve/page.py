"""The live page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader

from gen.report.environment import TEMPLATES, environment, graph_context
from host.serve.messages import Description
from host.serve.service import Served

_OWN = Path(__file__).parent / "templates"


@cache
def _templates() -> Environment:
    """Ours before those of the report."""
    return environment().overlay(
        loader=ChoiceLoader([FileSystemLoader(_OWN), FileSystemLoader(TEMPLATES)])
    )


def page(served: Served, about: Description) -> str:
    """The page as HTML, with the network's graph if there is a plan."""
    context = {} if served.figures is None else graph_context(served.figures)
    template = _templates().get_template("live.html.j2")
    return template.render({"figures": None, **context}, about=about, network=served.network)


def login_page() -> str:
    """What asks for the token."""
    return _templates().get_template("login.html.j2").render()


@cache
def style() -> str:
    """The report's styles, and those of the page."""
    return (TEMPLATES / "style.css").read_text() + (_OWN / "live.css").read_text()
