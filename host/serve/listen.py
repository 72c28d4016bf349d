"""Where a server listens, and who may then talk to it."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from gen.common.errors import FirebrickError

PORT = 8000
SHORTEST_TOKEN = 16
"""Characters."""


@dataclass(frozen=True)
class Address:
    """A host and a port to listen on.

    Attributes
    ----------
    host : str
        An IP address, or a name.
    port : int
        Any that is free if 0.
    """

    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Address:
        """Read ``127.0.0.1:8000``, ``localhost``, ``[::1]:8000``.

        Raises
        ------
        FirebrickError
            If it is none of these.
        """
        host, port = split_host(text)
        if not host or not (port == "" or (port.isascii() and port.isdigit())):
            raise FirebrickError(f"--listen takes an address like 127.0.0.1:{PORT}, not {text!r}")
        number = int(port) if port else PORT
        if number >= 1 << 16:
            raise FirebrickError(f"--listen {text}: a port is at most 65535")
        return Address(host, number)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def url(self, port: int) -> str:
        """What a browser on this machine opens, with the port that it became."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def bind(self) -> socket.socket:
        """Take the port.

        Raises
        ------
        FirebrickError
            If it cannot be had.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family, backlog=256)
        except (OSError, UnicodeError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
            raise FirebrickError(
                f"--listen {self.host}:{self.port}: cannot listen there ({why}); is another "
                "server running? Choose another port"
            ) from None


def split_host(text: str) -> tuple[str, str]:
    """Host and port of ``host:port``, ``[::1]:port``, or either without a port."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as this machine alone sees it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """Who may talk to a server.

    Attributes
    ----------
    names : frozenset of str
        Host names, in lower case, that it may be called by, beside IP addresses: a page that
        calls it by another may be one that an attacker has made point here.
    token : str or None
        What clients must know; none if None.
    session : str
        What a browser's cookie holds in the place of the token.
    """

    names: frozenset[str]
    token: str | None
    session: str

    @staticmethod
    def of(address: Address, token: str | None, names: tuple[str, ...] = ()) -> Access:
        """What an address, a token and further names ask for.

        Parameters
        ----------
        address : Address
        token : str or None
        names : tuple of str

        Raises
        ------
        FirebrickError
            If others reach the address and there is no token, or it is short.
        """
        make = 'python -c "import secrets; print(secrets.token_urlsafe())"'
        if token is None and not address.loopback:
            raise FirebrickError(
                f"--listen {address.host}: other machines reach this address, so clients must show "
                f"a --token; `{make}` makes one. Or listen on 127.0.0.1"
            )
        if token is not None and not (len(token) >= SHORTEST_TOKEN and token.isascii()):
            raise FirebrickError(
                f"--token must have {SHORTEST_TOKEN} ASCII characters or more; `{make}` makes one"
            )
        own = {"localhost", address.host, socket.gethostname(), *names}
        return Access(frozenset(map(str.lower, own)), token, secrets.token_urlsafe(32))

    def knows(self, host: str) -> bool:
        """Whether a request's ``Host`` is one that the server is called by."""
        name, _ = split_host(host)
        try:
            ip_address(name)
        except ValueError:
            return name.lower() in self.names
        return True

    def admits(self, authorization: str, cookie: str) -> bool:
        """Whether a request shows the token, as ``Bearer``, or the session's cookie."""
        if self.token is None:
            return True
        shown = authorization.removeprefix("Bearer ").strip()
        return _equal(shown, self.token) or _equal(cookie, self.session)


def _equal(shown: str, secret: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return secrets.compare_digest(shown.encode(), secret.encode())
