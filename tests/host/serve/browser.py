"""A real browser."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE = 60_000
"""Milliseconds, of which busy machines may take many."""


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
