import io
import time

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gen.frames.images import Accepted, load_frame
from host.serve.app import create_app
from host.serve.limits import Limits
from host.serve.listen import Access, Address
from host.serve.service import Service
from tests.generated import photographs
from tests.host.serve.boards import NETWORK, Patient, class_sums, served

URL = "http://127.0.0.1:8000"
LIVE = "ws://127.0.0.1:8000/live"
TOKEN = "the-token-of-this-test"
LIMITS = Limits(rate=1000.0, body=20_000, accepted=Accepted(("PNG", "JPEG"), 2500), watchers=1)


@pytest.fixture
def patient():
    return Patient()


def client(patient, limits=LIMITS, token=None, peer="127.0.0.1"):
    board = patient.shared(limits)
    access = Access.of(Address("127.0.0.1", 8000), token)
    app = create_app(Service(served(), board, limits), access)
    return board, TestClient(app, base_url=URL, client=(peer, 50000))


@pytest.fixture
def web(patient):
    board, made = client(patient)
    with board, made:
        yield made


def post(web, data, kind="image/png", **headers):
    return web.post("/classify", content=data, headers={"Content-Type": kind, **headers})


def picture(size=(50, 40), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 90)).save(file, kind)
    return file.getvalue()


def test_a_picture_gets_the_answer_that_the_command_line_gives(web, tmp_path):
    [path] = photographs(tmp_path, 1)
    answer = web.post(
        "/classify?sums=true&top=2",
        content=path.read_bytes(),
        headers={"Content-Type": "image/png"},
    ).json()
    sums = class_sums(load_frame(path, NETWORK.preprocessing))
    assert answer["sums"] == sums.tolist()
    assert [guess["index"] for guess in answer["top"]] == np.argsort(-sums)[:2].tolist()
    assert answer["top"][0]["label"] == NETWORK.labels[sums.argmax()]
    times = answer["milliseconds"]
    assert min(times["decode"], times["board"]) > 0
    assert times["accelerator"] == round(answer["cycles"] / 1e5, 3)


def test_raw_pixels_get_an_answer(web):
    frame = np.arange(360, dtype=np.uint8).reshape(NETWORK.input.shape)
    answer = post(web, frame.tobytes(), "application/octet-stream").json()
    best = class_sums(frame).argmax()
    assert answer["top"][0] == {
        "label": NETWORK.labels[best],
        "index": best,
        "probability": answer["top"][0]["probability"],
    }
    assert sum(guess["probability"] for guess in answer["top"]) == pytest.approx(1)
    assert answer["sums"] is None


@pytest.mark.parametrize(
    ("data", "kind", "status", "told"),
    [
        (b"no picture", "image/png", 422, "not an image that can be read"),
        (picture()[:80], "image/png", 422, "damaged image"),
        (picture(kind="GIF"), "image/png", 422, "taken are"),
        (picture((60, 50)), "image/png", 422, "60x50 pixels is too large"),
        (bytes(359), "application/octet-stream", 422, "360 bytes, 12 rows of 10"),
        (b"{}", "application/json", 415, "send a picture"),
        (bytes(20_001), "image/png", 413, "at most 20000 bytes, not 20001"),
        (iter([bytes(15_000)] * 2), "image/png", 413, "at most 20000 bytes"),
    ],
)
def test_what_is_no_picture_of_ours_is_refused(web, data, kind, status, told):
    answer = post(web, data, kind)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert web.get("/stats").json()["answered"] == 0


def test_pages_of_other_sites_may_not_use_it(web):
    assert post(web, picture(), Origin=URL).status_code == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:8001"):
        assert post(web, picture(), Origin=origin).status_code == 403
        with (
            pytest.raises(WebSocketDisconnect),
            web.websocket_connect(LIVE, headers={"Origin": origin}),
        ):
            pass
    rebound = {"Host": "evil.example:8000"}
    for answer in (web.get("/", headers=rebound), post(web, picture(), **rebound)):
        assert answer.status_code == 421
    with pytest.raises(WebSocketDisconnect), web.websocket_connect("ws://evil.example/live"):
        pass


def test_a_token_is_asked_for_everywhere(patient):
    board, web = client(patient, token=TOKEN)
    with board, web:
        shown = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/info", "/stats", "/openapi.json"):
            answer = web.get(path)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert web.get(path, headers=shown).status_code == 200
        assert post(web, picture()).status_code == 401
        assert post(web, picture(), **shown).status_code == 200
        with pytest.raises(WebSocketDisconnect), web.websocket_connect(LIVE):
            pass
        page = web.get("/")
        assert page.status_code == 401
        assert "Token" in page.text
        assert NETWORK.name not in page.text
        assert web.get("/style.css").status_code == web.get("/static/login.js").status_code == 200


def test_a_browser_logs_in_once(patient):
    board, web = client(patient, token=TOKEN)
    with board, web:
        assert web.post("/login", json={"token": TOKEN[:-1]}).status_code == 401
        assert web.get("/").status_code == 401
        answer = web.post("/login", json={"token": TOKEN})
        assert TOKEN not in answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
        assert NETWORK.name in web.get("/").text
        assert post(web, picture()).status_code == 200
        with web.websocket_connect(LIVE) as socket:
            assert socket.receive_json()["ready"]
        tries = [web.post("/login", json={"token": "x"}).status_code for _ in range(12)]
        assert (tries[0], tries[-1]) == (401, 429)


def test_each_client_has_a_rate_of_its_own(patient):
    board, web = client(patient, Limits(rate=0.5, burst=4.0))
    with board, web:
        assert [post(web, picture()).status_code for _ in range(3)] == [200, 200, 429]
        assert int(post(web, picture()).headers["Retry-After"]) >= 1
        assert post(web, picture(), **{"X-Client": "another program"}).status_code == 200


def test_names_bring_no_more_to_those_from_elsewhere(patient):
    board, web = client(patient, Limits(rate=0.5, burst=2.0), token=TOKEN, peer="192.168.1.7")
    with board, web:
        shown = {"Authorization": f"Bearer {TOKEN}"}
        names = [post(web, picture(), **shown, **{"X-Client": f"{n}"}) for n in range(2)]
        assert [answer.status_code for answer in names] == [200, 429]


def test_without_a_board_requests_are_told_why(patient, web):
    patient.on = False
    for _ in range(1000):
        if not web.get("/stats").json()["ready"]:
            break
        time.sleep(0.005)
    answer = post(web, picture())
    assert answer.status_code == 503
    assert "there is no board now: fake board" in answer.json()["detail"]
    assert answer.headers["Retry-After"]
    patient.on = True
    for _ in range(1000):
        if web.get("/stats").json()["ready"]:
            break
        time.sleep(0.005)
    assert post(web, picture()).status_code == 200
    assert web.get("/stats").json()["met"] == 2


def test_a_full_queue_is_told(patient):
    board, web = client(patient, Limits(waiting=0))
    with board, web:
        answer = post(web, picture())
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_who_waits_too_long_is_told(patient):
    board, web = client(patient, Limits(patience=0.05))
    patient.held.clear()
    with board, web:
        answer = post(web, picture())
        patient.held.set()
        assert answer.status_code == 503
        assert "has not come to this picture in time" in answer.json()["detail"]


def test_pages_are_told_what_changes(web):
    with web.websocket_connect(LIVE) as socket:
        assert socket.receive_json()["watchers"] == 1
        with pytest.raises(WebSocketDisconnect), web.websocket_connect(LIVE) as second:
            second.receive_json()
        assert post(web, picture()).status_code == 200
        said = socket.receive_json()
        while not said["answered"]:
            said = socket.receive_json()
    assert said["latency"]["board"] > 0
    assert [layer["name"] for layer in said["layers"]] == [op.name for op in NETWORK.ops]
    assert set(said["faults"].values()) == {0}
    for _ in range(1000):
        if web.get("/stats").json()["watchers"] == 0:
            return
        time.sleep(0.005)
    raise AssertionError("the page is still counted")


def test_it_describes_itself(web):
    about = web.get("/info").json()
    assert about["labels"] == list(NETWORK.labels)
    assert tuple(about["shape"]) == NETWORK.input.shape
    assert about["digest"] == NETWORK.digest.hex()
    assert (about["upload_bytes"], about["formats"]) == (20_000, ["PNG", "JPEG"])
    described = web.get("/openapi.json").json()
    classify = described["paths"]["/classify"]["post"]
    assert set(classify["requestBody"]["content"]) == {"image/*", "application/octet-stream"}
    assert {"200", "401", "403", "413", "415", "422", "429", "503"} <= set(classify["responses"])
    assert set(described["paths"]) == {"/classify", "/info", "/stats"}
    for name, schema in described["components"]["schemas"].items():
        if not name.endswith("Error"):  # the framework's own
            assert all("description" in field for field in schema["properties"].values()), name


def test_the_page_is_whole_without_a_plan_and_loads_nothing_from_elsewhere(web):
    page = web.get("/")
    assert "firebrick_client=" in page.headers["set-cookie"]
    assert 'id="graph"' not in page.text
    assert "https:" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
