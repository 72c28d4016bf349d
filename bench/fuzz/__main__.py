"""Run ``python -m bench.fuzz TARGET``: coverage-guided fuzzing with Atheris, on Linux.

Good input and what was found to reach new code are kept in ``build/fuzz/TARGET``, and input that
made a fault in ``build/fuzz`` beside it. What follows ``--`` is for libFuzzer.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from gen.common.errors import require_package

CORPUS = Path("build/fuzz")
INSTRUMENTED = ("gen", "protocol", "PIL")
MEMORY = 3000
"""MiB, above which libFuzzer takes a reader for greedy."""

app = typer.Typer(add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def fuzz(
    context: typer.Context,
    target: Annotated[
        str, typer.Argument(help="onnx, fbz, npz, labels, images, manifest, packets")
    ],
    minutes: Annotated[float, typer.Option(help="How long.")] = 30.0,
) -> None:
    """Fuzz a reader until the time is over, or something other than our own errors comes out.

    Parameters
    ----------
    context : typer.Context
        Holds what is for libFuzzer.
    target : str
    minutes : float
    """
    require_package("atheris", "fuzzing takes")
    import atheris

    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from bench.fuzz.mutation import mutator
        from bench.fuzz.targets import TARGETS

        if target not in TARGETS:
            raise typer.BadParameter(f"{target}: known are {', '.join(TARGETS)}")
        chosen, folder = TARGETS[target], CORPUS / target
        _write_seeds(folder, chosen.seeds())  # what these import late counts, too
    options = [
        f"-max_total_time={round(60 * minutes)}", f"-rss_limit_mb={MEMORY}", "-max_len=65536",
        f"-artifact_prefix={CORPUS}/{target}-", "-timeout=60",
        *_dictionary(CORPUS / f"{target}.dict", chosen.words()), *context.args,
    ]  # fmt: skip
    atheris.Setup(
        [sys.argv[0], *options, str(folder)],
        chosen.read,
        custom_mutator=mutator(chosen.form, lambda *given: atheris.Mutate(*given)),
    )
    atheris.Fuzz()


def _write_seeds(folder: Path, seeds: Iterable[bytes]) -> None:
    """Good input, each in a file that has its name from what it holds."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()).write_bytes(seed)


def _dictionary(path: Path, words: Iterable[bytes]) -> list[str]:
    """The option that has libFuzzer insert words, written to a file in its own form."""
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words]
    path.write_text("".join(line + "\n" for line in lines))
    return [f"-dict={path}"] if lines else []


if __name__ == "__main__":
    app()
