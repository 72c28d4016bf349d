import json
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.common.manifest import EthernetLink, Manifest, UartLink
from tests.damage import changed, damaged

UART = Manifest(
    version="1.2",
    network="tiny",
    digest=bytes(range(4)),
    board="arty_a7",
    part="xc7a100t",
    loader="arty_a7_100t",
    idcode=1000,
    clock_hz=100_000_000,
    link=UartLink(1_000_000),
    frames_per_second=12.5,
    carries={"raw": 3.0},
    answer={"line": 0.5},
    files=("network.npz", "plan.json"),
)
ETHERNET = Manifest(
    version="1.2",
    network="tiny",
    digest=b"",
    board="genesys2",
    part="xc7k325t",
    loader="genesys2",
    idcode=1,
    clock_hz=1,
    link=EthernetLink(IPv4Address("10.0.0.1"), (1 << 48) - 1, (1 << 16) - 1),
    files=(),
)
TEXT = """\
{
  "generator": "firebrick",
  "version": "1.2",
  "network": "tiny",
  "digest": "00010203",
  "board": "arty_a7",
  "part": "xc7a100t",
  "loader": "arty_a7_100t",
  "idcode": 1000,
  "clock_hz": 100000000,
  "link": "uart",
  "baud": 1000000,
  "coded": false,
  "frames_per_second": 12.5,
  "carries": {
    "raw": 3.0
  },
  "answer": {
    "line": 0.5
  },
  "files": [
    "network.npz",
    "plan.json"
  ]
}
"""


def test_the_document_stays_as_it_is():
    assert UART.to_json() == TEXT
    entry = json.loads(ETHERNET.to_json())
    link = {"link": "ethernet", "ip": "10.0.0.1", "mac": (1 << 48) - 1, "udp_port": 65535}
    assert {name: entry[name] for name in link} == link


@pytest.mark.parametrize("manifest", [UART, ETHERNET])
def test_it_reads_back(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("manifest", "change", "reason"),
    [
        (UART, {"generator": "other"}, "written by 'other'"),
        (UART, {"baud": 0}, "baud is 0"),
        (UART, {"frames_per_second": -1}, "a rate or a time is -1"),
        (UART, {"carries": {"raw": "3"}}, "a rate or a time is '3'"),
        (UART, {"carries": []}, "items"),
        (UART, {"clock_hz": True}, "clock_hz is True"),
        (UART, {"loader": None}, "loader is None"),
        (UART, {"idcode": "0x1"}, "idcode is '0x1'"),
        (UART, {"link": "usb"}, "KeyError: 'usb'"),
        (UART, {"digest": "0x"}, "hexadecimal"),
        (UART, {"files": "network.npz"}, "files are no names"),
        (ETHERNET, {"ip": "10.0.0"}, "10.0.0"),
        (ETHERNET, {"mac": 1 << 48}, "no MAC address"),
        (ETHERNET, {"udp_port": 1 << 16}, "or port 65536"),
    ],
)
def test_what_is_wrong_is_told(manifest, change, reason):
    entry = {**json.loads(manifest.to_json()), **change}
    with pytest.raises(ValueError, match=reason):
        Manifest.from_json(json.dumps(entry))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([UART, ETHERNET]).flatmap(lambda m: changed(json.loads(m.to_json()))))
def test_forged_manifests_are_refused_or_read_back(entry):
    try:
        manifest = Manifest.from_json(json.dumps(entry))
    except ValueError:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest


@settings(max_examples=200, deadline=None)
@given(damaged(TEXT.encode()))
def test_damaged_manifests_are_refused_or_read_back(data):
    try:
        manifest = Manifest.from_json(data)
    except ValueError:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_deep_nesting_is_refused():
    with pytest.raises(ValueError, match="RecursionError"):
        Manifest.from_json("[" * 100_000)
