import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bench.serve import listening as serving
from gen.frames.images import load_frame
from gen.report.stored import load_figures
from host.driver import Driver
from host.serve.board import SharedBoard
from host.serve.limits import Limits
from host.serve.service import Served
from host.sim_transport import CYCLES_PER_SECOND, SimTransport
from tests.generated import photographs
from tests.host.serve.boards import NETWORK, Patient, class_sums, served
from tests.host.serve.browser import opened

TOKEN = "the-token-of-this-test"
SIZES = {1280: 900, 390: 844}


@pytest.fixture(scope="module")
def simulated(tiny_board):
    """The address of a server with a simulated board."""
    network, folder = tiny_board.network, tiny_board.folder

    def scale(board):
        return CYCLES_PER_SECOND / board.info().clock_hz

    board = SharedBoard(lambda: Driver(SimTransport(folder), network), scale, Limits())
    figures = load_figures(folder)
    title = figures.board.title
    about = Served(network, network.preprocessing, title, "simulated", True, figures)
    with serving(about, board) as url:
        yield url


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return photographs(tmp_path_factory.mktemp("pictures"), 4)


def label(path):
    """What the golden model sees."""
    return NETWORK.labels[class_sums(load_frame(path, NETWORK.preprocessing)).argmax()]


def first(page):
    return page.locator("#top.known li").first.locator(".label")


def test_a_picture_goes_in_and_its_class_comes_out(chromium, simulated, pictures, pytestconfig):
    with opened(chromium, simulated, viewport={"width": 1280, "height": 900}) as page:
        expect(page.locator("#board")).to_have_text("board ready")
        page.set_input_files("#files", pictures[0])
        expect(first(page)).to_have_text(label(pictures[0]))
        expect(page.locator("#shown")).to_be_visible()
        expect(page.locator("#on-board")).to_have_text(re.compile(r"^[\d.]+ m?s$"))
        expect(page.locator("#answered")).not_to_have_text("0")
        expect(page.locator("#faults")).to_have_text("clean")
        assert page.locator(".graph.wide .box").count() == len(NETWORK.ops) + 1
        expect(page.locator("#layer-1 .stalled")).to_contain_text("%")
        assert "color-mix" in page.locator(".graph.wide a .frame").first.get_attribute("style")
        page.set_input_files("#files", Path(__file__))
        expect(page.locator("#trouble")).to_have_text("There is no picture among these files.")


def test_pictures_of_the_page_are_taken(chromium, simulated, pictures, pytestconfig):
    folder = pytestconfig.getoption("--screenshots")
    schemes = ("light", "dark") if folder else ("light",)
    for scheme in schemes:
        for width, height in SIZES.items():
            shape = {"width": width, "height": height}
            with opened(chromium, simulated, viewport=shape, color_scheme=scheme) as page:
                page.set_input_files("#files", pictures)
                expect(page.locator(".recent li")).to_have_count(len(pictures))
                # Nothing is wider than the window.
                assert page.evaluate("document.documentElement.scrollWidth") == width
                if folder:
                    path = Path(folder) / f"live_{scheme}_{width}.png"
                    page.screenshot(path=path, full_page=True)


def test_a_folder_plays_in_order(chromium, simulated, pictures):
    with opened(chromium, simulated) as page:
        page.set_input_files("#directory", pictures[0].parent)
        expect(page.locator("#playing")).to_have_text(f"4 of 4: {pictures[-1].name}")
        expect(page.locator("#stop")).to_be_hidden()
        seen = page.locator(".recent li span").all_text_contents()
        assert seen[::-1] == [label(path) for path in pictures]
        assert page.locator(".recent li").first.get_attribute("title") == pictures[-1].name


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_that_is_pasted_or_dropped(chromium, simulated, pictures, event):
    kind = {"paste": "ClipboardEvent", "drop": "DragEvent"}[event]
    field = {"paste": "clipboardData", "drop": "dataTransfer"}[event]
    text = base64.b64encode(pictures[1].read_bytes()).decode()
    with opened(chromium, simulated) as page:
        page.evaluate(
            f"""(() => {{
                const bytes = Uint8Array.from(atob("{text}"), (letter) => letter.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], "one.png", {{ type: "image/png" }}));
                const told = new {kind}("{event}", {{ {field}: data, bubbles: true }});
                document.body.dispatchEvent(told);
            }})()"""
        )
        expect(first(page)).to_have_text(label(pictures[1]))


def test_the_camera_plays_until_it_is_stopped(chromium, simulated):
    with opened(chromium, simulated) as page:
        page.get_by_role("button", name="Camera").click()
        expect(first(page)).to_contain_text("class")
        expect(page.locator("#video")).to_be_visible()
        expect(page.locator(".recent li")).not_to_have_count(0)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#video")).to_be_hidden()
        assert page.evaluate("document.getElementById('video').srcObject") is None


def test_a_board_that_dies_and_comes_back(chromium, pictures):
    patient = Patient()
    with serving(served(), patient.shared()) as url, opened(chromium, url) as page:
        expect(page.locator("#board")).to_have_text("board ready")
        patient.on = False
        expect(page.locator("#board")).to_contain_text("no board: fake board")
        patient.on = True
        expect(page.locator("#board")).to_have_text("board ready, met 2 times")
        page.set_input_files("#files", pictures[0])
        expect(first(page)).to_have_text(label(pictures[0]))


def test_several_browsers_share_a_board(chromium, pictures):
    patient = Patient()
    with (
        serving(served(), patient.shared()) as url,
        opened(chromium, url) as one,
        opened(chromium, url) as other,
    ):
        patient.held.clear()
        one.set_input_files("#files", pictures[:3])
        other.set_input_files("#files", pictures[3])
        expect(one.locator("#waiting")).not_to_have_text("0")
        patient.held.set()
        expect(first(other)).to_have_text(label(pictures[3]))
        seen = one.locator(".recent li span")
        expect(seen).to_have_count(3)
        assert seen.all_text_contents()[::-1] == [label(path) for path in pictures[:3]]


def test_a_token_opens_the_page(chromium):
    with serving(served(), Patient().shared(), TOKEN) as url:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Token").fill("a-token-of-another-server")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#trouble")).to_have_text("this is not the token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#board")).to_have_text("board ready")
        context.close()
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{url}#token={TOKEN}")
        expect(page.locator("#board")).to_have_text("board ready")
        assert TOKEN not in page.url
        context.close()
