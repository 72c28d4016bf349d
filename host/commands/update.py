"""``python -m host update``: other weights for a running board."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gen.common.keys import load_key
from gen.common.progress import progress_line
from host.commands.output import Json, keys, print_line, tell_losses
from host.networks import read_network
from host.new_contents import NewContents
from host.open import open_updater
from host.options import OverlayOptions
from host.update import Outcome

_SHOWN = 6
"""Memories that are named to people, at most."""


def update(
    network: Annotated[
        Path,
        typer.Argument(
            metavar="NETWORK", help="What it is to hold: .npz or .fbz, of the board's structure."
        ),
    ],
    options: OverlayOptions,
    *,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of the key that the board was generated with."),
    ] = None,
    json: Json = False,
) -> None:
    """Give a running board another network's weights, without a new bitstream.

    The board must have been generated to be updated, and the network be quantised for it, by
    `python -m gen export --for`. Only memories that differ are sent. The board answers no frame
    until all of it is there; if that fails, the same command goes on where it was. When its power
    goes, the board forgets the update. All this holds for the core of an overlay (`--pynq`), too.

    Examples:

    - Another network: `python -m host update tuned.fbz --port /dev/ttyUSB1 --build build/flowers`

    - A core on a Zynq: `python -m host update tuned.fbz --pynq firebrick.bit --key core.key`

    - Back to the build's: `python -m host update build/flowers/network.npz --port /dev/ttyUSB1
      --build build/flowers`
    """
    options.check_record([network] if key is None else [network, key])
    contents = NewContents.of(options.folder, read_network(network))
    secret = None if key is None else load_key(key)
    updater = open_updater(options, contents, secret)
    try:
        with updater, progress_line("update") as progress:
            done = updater.run(progress)
    except (KeyboardInterrupt, SystemExit):
        if updater.amid:
            Console(stderr=True).print(f"{updater.advice}.", markup=False, soft_wrap=True)
        raise
    if json:
        print_line(_entry(done, contents))
    console = Console(stderr=json)
    if key is not None and not done.before.keyed:
        text = f"The {options.noun} takes contents from anyone: --key was not needed."
        console.print(text)
    if not json:
        _print(console, done, contents, options.noun)
        tell_losses(console, done.losses)
        _print_next(console, options, network, contents)


def _entry(done: Outcome, contents: NewContents) -> dict[str, Any]:
    """What was done, for programs."""
    names = contents.layout.memories
    memories = [
        {"memory": number, "layer": names[number][0], "part": names[number][1]}
        for number in done.memories
    ]
    return {
        "network": contents.network.name,
        "digest": done.after.digest.hex(),
        "digest_before": done.before.digest.hex(),
        "was_updating": done.before.updating,
        "counter": done.after.counter,
        "memories": memories,
        "bytes": done.sent,
        "seconds": round(done.seconds, 3),
    } | keys(done.losses)


def _print(console: Console, done: Outcome, contents: NewContents, noun: str) -> None:
    """What was done, for people."""
    after = contents.name_of(done.after.digest)
    if not done.sent:
        text = f"The {noun} holds network {after} already; nothing was sent."
        console.print(text, soft_wrap=True, markup=False)
        return
    names, count = contents.layout.memories, len(done.memories)
    named = ", ".join(" ".join(names[number]) for number in done.memories[:_SHOWN])
    which = f" ({named}{', ...' * (count > _SHOWN)})" if count else ""
    lines = (
        f"Written: {count} of {len(names)} memories{which}, {done.sent} bytes in "
        f"{done.seconds:.2f} s.",
        f"Before, the {noun} held network {contents.name_of(done.before.digest)}"
        f"{', and an update was not complete' * done.before.updating}.",
        f"Now it says that it holds network {after}, and no update is under way.",
    )
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _print_next(
    console: Console, options: OverlayOptions, network: Path, contents: NewContents
) -> None:
    """How to verify what the board computes now."""
    if options.port is not None:
        way = f"--port {options.port}"
    elif options.udp is not None:
        way = f"--udp {options.udp}".rstrip()
    elif options.pynq is not None:
        way = f"--pynq {shlex.quote(str(options.pynq))}"
    else:
        return
    held = "" if contents.is_build else f" --network {shlex.quote(str(network))}"
    if options.pynq is None or options.build is not None:
        way += f" --build {shlex.quote(str(options.folder))}"
    console.print("Verify that it computes what it should:")
    console.print(f"  python -m host verify {way}{held}", soft_wrap=True, markup=False)
