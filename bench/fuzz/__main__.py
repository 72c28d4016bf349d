"""Run ``python -m bench.fuzz TARGET``: coverage-guided fuzzing with Atheris, on Linux.

Good input and what was found to reach new code are kept in ``build/fuzz/TARGET``, and input that
made a fault in ``build/fuzz`` beside it. What follows ``--`` is for libFuzzer.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from gen.common.errors import require_package

CORPUS = Path("build/fuzz")
INSTRUMENTED = ("gen", "protocol")
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
        from bench.fuzz.targets import TARGETS
    if target not in TARGETS:
        raise typer.BadParameter(f"{target}: known are {', '.join(TARGETS)}")
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[target].seeds():
        (folder / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    options = [
        f"-max_total_time={round(60 * minutes)}", f"-rss_limit_mb={MEMORY}", "-max_len=65536",
        f"-artifact_prefix={CORPUS}/{target}-", "-timeout=60", *context.args,
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(folder)], TARGETS[target].read)
    atheris.Fuzz()


if __name__ == "__main__":
    app()
