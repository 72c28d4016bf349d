"""``python -m host serve``: a live page and an HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from gen.frames.pixel_options import FrameOptions
from host.options import ServedOptions
from host.serve.limits import MEBI, Limits
from host.serve.listen import PORT, Access, Address


def serve(
    options: ServedOptions,
    shape: FrameOptions,
    *,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS[:PORT]", help="Where browsers and programs find it.")
    ] = f"127.0.0.1:{PORT}",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="FIREBRICK_TOKEN",
            help="What clients must show; needed where other machines reach the address.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="A name, beside IP addresses, that browsers may call this machine by; several.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="Pictures a second of one client.")
    ] = Limits.rate,
    upload: Annotated[
        float, typer.Option(min=0.001, metavar="MIB", help="Longest picture file, in MiB.")
    ] = Limits.body / MEBI,
) -> None:
    """Serve a live page and an HTTP API until Ctrl-C.

    Without `--sim`, `--port` or `--udp`, the network that ships with firebrick is served on a
    simulated board, which is generated and compiled first.

    Examples:

    - See it: `python -m host serve`, then open http://127.0.0.1:8000/

    - A real board: `python -m host serve --udp 192.168.1.50`

    - For other machines: `python -m host serve --listen 0.0.0.0 --token TEXT`
    """
    address = Address.parse(listen)
    access = Access.of(address, token, tuple(name or ()))
    limits = Limits(rate=rate, body=round(upload * MEBI))
    from host.serve.run import run  # web frameworks and plans, which no other command needs

    run(options, shape, address, access, limits)
