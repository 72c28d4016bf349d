from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from gen.common.options import with_options

app = typer.Typer()


@dataclass(frozen=True)
class Shared:
    size: Annotated[int, typer.Option(min=1, help="How large.")] = 3
    name: str = "x"


@app.command()
@with_options
def run(*, file: Annotated[str, typer.Argument()], shared: Shared, loud: bool = False) -> None:
    """Do it."""
    print(file, shared, loud)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a"], "a Shared(size=3, name='x') False"),
        (["a", "--size", "5", "--loud", "--name", "y"], "a Shared(size=5, name='y') True"),
    ],
)
def test_options_of_a_class_are_the_commands(arguments, expected):
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout.strip()) == (0, expected)


def test_their_help_and_limits_hold():
    assert "How large." in CliRunner().invoke(app, ["--help"]).stdout
    assert CliRunner().invoke(app, ["a", "--size", "0"]).exit_code == 2
