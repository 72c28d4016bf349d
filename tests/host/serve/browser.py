"""A real browser, and servers for it."""

import os
import shutil
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from host.serve.limits import Limits
from host.serve.listen import Access, Address
from host.serve.server import Server

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE = 60_000
"""Milliseconds, of which busy machines may take many."""


@contextmanager
def serving(served, board, token=None, limits=Limits()):  # noqa: B008
    """A server in a thread; gives its address."""
    address = Address("127.0.0.1", 0)
    with address.bind() as listening:
        server = Server(served, board, Access.of(address, token), limits)
        thread = threading.Thread(target=server.run, args=(listening,))
        thread.start()
        try:
            yield address.url(listening.getsockname()[1])
        finally:
            server.stop()
            thread.join()


@pytest.fixture
def chromium():
    """A headless Chromium with a camera that is none.

    One for each test: Playwright keeps an event loop running, beside which no other test can run
    its own.
    """
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip(f"no browser: one of {', '.join(CHROMIUM)} is needed")
    expect.set_options(timeout=PATIENCE)
    arguments = [*FAKE_CAMERA, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def opened(chromium, url, **options):
    """A page that must not complain in its console."""
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert said == []
