import asyncio

from bench.serve import load, serving
from tests.host.serve.boards import NETWORK, Patient


def test_every_client_gets_its_own_answers():
    with serving(NETWORK, Patient().meet) as url:
        figures = asyncio.run(load(url, NETWORK, clients=3, limit=4))
    assert (figures["answered"], figures["lost"], figures["another's answer"]) == (12, 0, 0)
    assert figures["fewest and most of a client"] == [4, 4]


def test_an_answer_that_is_anothers_is_found():
    patient = Patient()
    answer = patient.classify
    patient.board.device.classify = lambda frame: answer(frame) + (len(patient.order) == 3)
    with serving(NETWORK, patient.meet) as url:
        figures = asyncio.run(load(url, NETWORK, clients=1, limit=4))
    assert (figures["answered"], figures["another's answer"]) == (3, 1)


def test_a_request_without_an_answer_is_lost():
    url = "http://127.0.0.1:9/"  # the port where nothing is ever answered
    figures = asyncio.run(load(url, NETWORK, clients=2, limit=1))
    assert (figures["answered"], figures["lost"]) == (0, 2)
    assert figures["lost, by what came instead"] == {"ConnectError": 2}
