import random

import pytest
from siphash24 import siphash24

from hw.link.siphash import SipHash
from tests.harness import bench_group
from tests.harness.synthesised import synthesise

KEYS = (bytes(range(16)), random.Random(1).randbytes(16))
hashes = bench_group(SipHash, KEYS)


def transfers(message: bytes) -> list[int]:
    return [byte | (at == len(message) - 1) << 8 for at, byte in enumerate(message)]


def tags(messages: list[bytes], key: bytes) -> list[list[int]]:
    found = (siphash24(message, key=key).digest() for message in messages)
    return [[int.from_bytes(digest, "little")] for digest in found]


def test_the_vector_of_the_paper(hashes):
    message = [transfers(bytes(range(15)))]
    hashes[KEYS[0]].run({"i": message}, {"o": [[0xA129CA6149BE45E5]]})


@pytest.mark.parametrize("stalls", [0.0, 0.3, {"i": 0.9}, {"o": 0.9}])
@pytest.mark.parametrize("key", KEYS)
def test_messages_of_any_length(key, stalls, hashes):
    rng = random.Random(2)
    messages = [rng.randbytes(length) for length in [*range(1, 71), 255, 256, 280]]
    rng.shuffle(messages)
    outputs = {"o": tags(messages, key)}
    hashes[key].run({"i": list(map(transfers, messages))}, outputs, stalls=stalls, seed=3)


def test_a_byte_a_cycle(hashes):
    message = random.Random(4).randbytes(272)
    key = KEYS[1]
    result = hashes[key].run({"i": [transfers(message)]}, {"o": tags([message], key)})
    assert result.bubbles("i") == 0
    assert result.first("o") - result.last("i") <= 34


def test_a_key_has_sixteen_bytes():
    with pytest.raises(ValueError, match="16 bytes, not 15"):
        SipHash(bytes(15))


def test_it_is_small_and_fast_before_placement(tmp_path):
    count, timing = synthesise(SipHash(KEYS[1]), tmp_path)
    # 125 MHz, a third of which is for what a router makes of it; then some more.
    assert timing.ns < 5, timing.slowest
    assert count.lut < 430
    assert count.ff < 480
