import socket

import pytest

from gen.common.errors import FirebrickError
from host.serve.listen import Access, Address

TOKEN = "sixteen-letters-"


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback", "url"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000, True, "http://127.0.0.1:8000/"),
        ("localhost", "localhost", 8000, True, "http://localhost:8000/"),
        ("[::1]:0", "::1", 0, True, "http://[::1]:0/"),
        ("0.0.0.0:80", "0.0.0.0", 80, False, "http://127.0.0.1:80/"),
        ("board.example", "board.example", 8000, False, "http://board.example:8000/"),
    ],
)
def test_addresses(text, host, port, loopback, url):
    address = Address.parse(text)
    assert address == Address(host, port)
    assert address.loopback is loopback
    assert address.url(port) == url


@pytest.mark.parametrize("text", ["", ":80", "a:b", "127.0.0.1:65536", "1.2.3.4:-1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(FirebrickError, match="--listen"):
        Address.parse(text)


def test_a_port_that_is_taken_is_said_to_be():
    with Address("127.0.0.1", 0).bind() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FirebrickError, match=f"127.0.0.1:{port}: cannot listen there"):
            Address("127.0.0.1", port).bind()


def test_other_machines_need_a_token():
    everywhere = Address("0.0.0.0", 8000)
    with pytest.raises(FirebrickError, match="other machines reach this address"):
        Access.of(everywhere, None)
    with pytest.raises(FirebrickError, match="16 ASCII characters"):
        Access.of(everywhere, "short")
    access = Access.of(everywhere, TOKEN)
    assert access.admits(f"Bearer {TOKEN}", "")
    assert access.admits("", access.session)
    assert not access.admits("", TOKEN)
    assert not access.admits("Bearer \N{LATIN SMALL LETTER E WITH ACUTE}", "")
    assert Access.of(Address("127.0.0.1", 1), None).admits("", "")


def test_names_that_a_server_is_called_by():
    access = Access.of(Address("127.0.0.1", 8000), None, ("Board.example",))
    known = ["localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "192.168.1.2"]
    assert all(map(access.knows, [*known, "board.example:80", socket.gethostname()]))
    assert not any(map(access.knows, ["", "evil.example", "localhost.evil.example:8000"]))
