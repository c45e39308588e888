"""Fixtures of the page in Debian's Chromium, for modules that have this one as a plugin."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 30_000  # milliseconds; the first look inside a sentence prepares the network


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium; Debian's package of that name has it")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, served):
    """Opens the page in a window of its own; nothing may be complained of in its console."""
    contexts, complaints = [], []

    def opened(width=1280, height=900, scheme="light", address="", server=served):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.complaints = complaints
        page.goto(f"{server}/{address}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
