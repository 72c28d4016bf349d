from ipaddress import IPv4Address

import pytest

from host.neighbours import explanation, known_mac, usual_mac

BOARD = IPv4Address("192.168.1.50")
TABLE = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.50     0x1         0x2         AA:bb:cc:00:11:22     *        eth0
192.168.1.51     0x1         0x0         00:00:00:00:00:00     *        eth0
""".splitlines()


def test_the_usual_mac_is_made_of_the_address():
    assert usual_mac(BOARD) == "02:46:c0:a8:01:32"


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("192.168.1.50", "aa:bb:cc:00:11:22"),
        ("192.168.1.51", "00:00:00:00:00:00"),
        ("192.168.1.5", None),
    ],
)
def test_what_this_machine_has_learnt(address, mac):
    assert known_mac(IPv4Address(address), TABLE) == mac


@pytest.mark.parametrize(
    ("own", "mac", "told"),
    [
        ("192.168.1.7", None, ""),
        ("192.168.1.7", "02:46:c0:a8:01:32", ""),
        ("127.0.0.1", None, ""),
        (
            "10.0.0.254",
            None,
            "give it an address like 192.168.1.51, or generate",
        ),
        ("192.168.1.7", "00:00:00:00:00:00", "nobody on this LAN has the address 192.168.1.50"),
        ("192.168.1.7", "aa:bb:cc:00:11:22", "if another machine has the address, generate"),
    ],
)
def test_what_is_odd_is_explained(own, mac, told):
    found = explanation(BOARD, IPv4Address(own), mac)
    assert told in found
    assert bool(found) == bool(told)


def test_the_address_proposed_is_of_the_same_subnet():
    assert "--ip 10.0.0.253" in explanation(BOARD, IPv4Address("10.0.0.254"), None)
