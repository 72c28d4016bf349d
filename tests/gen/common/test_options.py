from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from gen.common.options import with_options

app = typer.Typer()


@dataclass(frozen=True)
class Inner:
    size: Annotated[int, typer.Option(min=1, help="How large.")] = 3


@dataclass(frozen=True)
class Shared:
    name: str = "x"
    inner: Inner = field(default_factory=Inner)
    last: int = 0


@app.command()
@with_options
def run(*, file: Annotated[str, typer.Argument()], shared: Shared, loud: bool = False) -> None:
    """Do it."""
    print(file, shared.name, shared.inner.size, shared.last, loud)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a"], "a x 3 0 False"),
        (["a", "--size", "5", "--loud", "--name", "y"], "a y 5 0 True"),
    ],
)
def test_options_of_a_class_are_the_commands(arguments, expected):
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout.strip()) == (0, expected)


def test_they_are_in_the_place_of_the_class():
    help_text = CliRunner().invoke(app, ["--help"]).stdout
    places = [help_text.index(option) for option in ("--name", "--size", "--last", "--loud")]
    assert places == sorted(places)


def test_their_help_and_limits_hold():
    assert "How large." in CliRunner().invoke(app, ["--help"]).stdout
    assert CliRunner().invoke(app, ["a", "--size", "0"]).exit_code == 2
