from ipaddress import IPv4Address

import pytest

from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.link_options import Address, LinkOptions, on_lan


def test_defaults_make_a_place_of_its_own():
    station = on_lan(BOARDS["arty_a7"], Address()).station
    assert (station.address, station.port) == (IPv4Address("192.168.1.50"), 18002)
    assert station.mac.to_bytes(6, "big").hex(":") == "02:46:c0:a8:01:32"
    other = on_lan(BOARDS["arty_a7"], Address(ip="192.168.1.51")).station
    assert other.mac == station.mac + 1


def test_a_place_that_is_given():
    place = Address("10.0.0.7", "00-18-3E-01-02-03", 1234)
    station = on_lan(BOARDS["genesys2"], place).station
    assert station.mac == 0x00183E010203
    assert (str(station.address), station.port) == ("10.0.0.7", 1234)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Address(ip="1.2.3"), "--ip takes an address like 192.168.1.50"),
        (Address(ip="::1"), "--ip takes an address"),
        (Address(ip="224.0.0.1"), "address of a group"),
        (Address(ip="0.0.0.0"), "address of no machine"),
        (Address(ip="255.255.255.255"), "address of no machine"),
        (Address(ip="127.0.0.1"), "address of this machine itself"),
        (Address(mac="1:2:3"), "--mac takes six bytes"),
        (Address(mac="01:00:00:00:00:00"), "first byte must be even"),
        (Address(mac="00:00:00:00:00:00"), "no single machine's"),
        (Address(port=0), "--udp-port must be 1 to 65535, not 0"),
        (Address(port=65536), "--udp-port must be 1 to 65535"),
    ],
)
def test_places_that_cannot_be(place, message):
    with pytest.raises(FirebrickError, match=message):
        on_lan(BOARDS["arty_a7"], place)


def test_a_board_without_ethernet():
    with pytest.raises(FirebrickError, match="ulx3s_85 has no Ethernet; use --link uart"):
        on_lan(BOARDS["ulx3s_85"], Address())


def test_options_that_do_not_go_together():
    assert LinkOptions("uart", 9600, None, None, None).chosen() is None
    lan = LinkOptions("ethernet", None, "10.0.0.1", None, 5)
    assert lan.chosen() == Address("10.0.0.1", None, 5)
    with pytest.raises(FirebrickError, match="unknown --link 'wifi'; there are uart and ethernet"):
        LinkOptions("wifi", None, None, None, None).chosen()
    with pytest.raises(FirebrickError, match="--baud is for --link uart"):
        LinkOptions("ethernet", 9600, None, None, None).chosen()
    with pytest.raises(FirebrickError, match="--mac is for --link ethernet"):
        LinkOptions("uart", None, None, "02:00:00:00:00:00", None).chosen()
