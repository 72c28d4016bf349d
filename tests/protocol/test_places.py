from hypothesis import given
from hypothesis import strategies as st

from protocol.places import Places


@given(st.lists(st.integers(1, 5), max_size=20), st.integers(0, 60))
def test_places_are_those_of_the_packets_in_turn(counts, forgotten):
    places = Places()
    assert [places.append(count) for count in counts] == list(range(len(counts)))
    packets = [(number, index) for number, count in enumerate(counts) for index in range(count)]
    packets.append((len(counts), 0))
    assert (places.frames, places.end) == (len(counts), len(packets) - 1)
    forgotten = min(forgotten, places.end)
    places.forget(forgotten)
    for place, packet in enumerate(packets):
        if packet[0] < packets[forgotten][0]:
            assert places.place(*packet) == -1
            continue
        assert places.place(*packet) == place
        assert places.find(place) == packet
    assert places.place(len(counts) + 1, 0) > places.end


def test_what_is_older_than_all_that_is_known_starts_with_it():
    places = Places()
    for count in (2, 3, 4):
        places.append(count)
    places.forget(5)
    assert [places.start(number) for number in range(4)] == [5, 5, 5, 9]
