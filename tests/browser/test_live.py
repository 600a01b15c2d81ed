"""A run while it runs: it streams, is stopped, followed, resumed; and what the page says when that fails."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.proxy import network
from tests.browser.screen import EXPRESSION, TRAINING, Screen
from tests.serving import Served, serve
from tests.streaming import read

ENDLESS = """w = torch.tensor(5.0, requires_grad=True)
while True:
    loss = (w - 2) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.001 * w.grad
    w.grad = None
"""

LONG = """w = torch.tensor(5.0, requires_grad=True)
for i in range(300):
    loss = (w - 2) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
    x = torch.randn(600, 600)
    x @ x
"""

STEPS = "() => Number(document.querySelector('.plot').getAttribute('aria-valuemax'))"
SHOWN = "() => Number(document.querySelector('.plot').getAttribute('aria-valuenow'))"


def start(screen: Screen, code: str) -> Page:
    """Run it without waiting for its end."""
    screen.type(code)
    screen.page.keyboard.press("ControlOrMeta+Enter")
    return screen.page


def at_least(page: Page, steps: int) -> None:
    page.wait_for_function(
        "n => document.body.dataset.phase === 'running' && document.querySelector('.plot') !== null"
        " && Number(document.querySelector('.plot').getAttribute('aria-valuemax')) >= n",
        arg=steps,
        timeout=60_000,
    )


def test_the_graph_is_there_while_the_snippet_still_runs(open_page: Open) -> None:
    page = start(screen := open_page(), ENDLESS)
    expect(screen.node("w")).to_be_visible()
    at_least(page, 20)
    expect(page.locator("[data-progress]")).to_contain_text("step")
    expect(page.locator("#charts")).to_be_visible()
    at_least(page, page.evaluate(STEPS) + 20)
    assert page.evaluate(SHOWN) > 20
    page.click("#stop")
    screen.wait()


COUNTING = """w = torch.tensor(5.0, requires_grad=True)
total = 0.0
for i in range(1_000_000):
    loss = (w - 2) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.0001 * w.grad
    w.grad = None
    total += 0.7 + 0.8
"""


def test_the_values_beside_the_lines_are_those_of_the_step_that_is_shown_while_it_runs(open_page: Open) -> None:
    page = start(screen := open_page(), COUNTING)
    at_least(page, 20)
    chip = page.locator("[data-chip='9'] .value")
    expect(chip).to_be_visible()
    page.locator(".plot").press("Home")
    for step in (1, 2, 3):
        expect(page.locator(".plot")).to_have_attribute("aria-valuenow", str(step))
        expect(chip).to_have_text(f"{1.5 * step}")
        expect(page.locator("[data-chip='3'] .value")).to_have_text(f"{step - 1}")
        loss = screen.words(screen.node("loss"))[1]
        expect(page.locator("[data-chip='4'].value .value")).to_have_text(loss.removeprefix("loss = "))
        page.locator(".plot").press("ArrowRight")
    assert page.evaluate("document.body.dataset.phase") == "running"
    page.locator("[data-live]").click()
    expect(chip).to_have_text(re.compile(r"^\d{3,}"))
    page.click("#stop")
    screen.wait()


def test_stopping_in_the_middle_keeps_what_came(open_page: Open) -> None:
    page = start(screen := open_page(), ENDLESS)
    at_least(page, 30)
    page.click("#stop")
    screen.wait()
    assert page.evaluate(STEPS) >= 30
    shown = page.evaluate(SHOWN)
    plot = page.locator(".plot")
    plot.press("End")  # of a long run not every step is recorded, but the newest of those that are is shown …
    if (plot.get_attribute("aria-valuetext") or "").startswith("After"):
        plot.press("ArrowLeft")  # … and not the one that the stop has cut short
    assert page.evaluate(SHOWN) == shown >= 20
    expect(screen.node("w")).to_be_visible()
    expect(page.locator("#output-body")).to_contain_text("Stopped in line")
    expect(page.locator("#summary")).to_have_text(re.compile("^stopped after"))
    assert page.locator("[data-failure], [data-problem]").count() == 0
    expect(page.locator("[data-progress], [data-live]")).to_have_count(0)
    screen.run(EXPRESSION)
    assert screen.words(screen.node("z"))[1] == "z = 20.0"
    expect(page.locator("#charts")).to_be_hidden()


def test_live_is_left_by_choosing_a_step_and_taken_up_again(open_page: Open) -> None:
    page = start(screen := open_page(), ENDLESS)
    at_least(page, 20)
    live = page.locator("[data-live]")
    expect(live).to_have_attribute("aria-pressed", "true")
    page.locator(".plot").focus()
    page.keyboard.press("Home")
    expect(live).to_have_attribute("aria-pressed", "false")
    at_least(page, page.evaluate(STEPS) + 20)
    assert page.evaluate(SHOWN) == 1
    live.click()
    expect(live).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => Number(document.querySelector('.plot').getAttribute('aria-valuenow')) > 40")
    page.click("#stop")
    screen.wait()


def test_a_lost_connection_resumes_and_nothing_is_missed(open_page: Open, server: Served) -> None:
    with network(server.url) as between:
        faults = ("WebSocket connection", "ERR_")  # the chart's library may be on its way, too
        screen = open_page(url=between.url, expected=lambda text: any(fault in text for fault in faults))
        page = start(screen, LONG)
        at_least(page, 10)
        between.cut()
        link = page.locator("[data-link]")
        expect(link).to_have_text(re.compile("^connection lost, resuming"))
        expect(screen.node("w")).to_be_visible()
        between.mend()
        expect(link).to_have_text("resumed, nothing missed")
        screen.wait()
        assert page.evaluate(STEPS) == 300
        expect(page.locator("#chart-words")).to_contain_text("loss over 300 points")
        assert page.locator("[data-skipped]").count() == 0
        expect(page.locator("#summary")).to_have_text(re.compile("^ran in"))
        expect(link).to_have_count(0, timeout=30_000)


WIDE = """w = torch.randn(64, requires_grad=True)
for i in range(150):
    loss = sum((w * k).sin().sum() for k in range(1, 81))
    loss.backward()
    with torch.no_grad():
        w -= 0.001 * w.grad
    w.grad = None
"""
"""Each step has some 160 kB of numbers: more than sockets hold, after a few dozen."""


def test_a_page_that_was_slow_says_what_it_skipped_and_has_the_numbers_of_every_step(open_page: Open) -> None:
    with serve(viewer_bytes=64 * 1024, step_bytes=0) as served, network(served.url) as between:
        page = start(screen := open_page(url=between.url), WIDE)
        at_least(page, 2)
        between.stall()
        while served.runs()["running"] > 0:
            page.wait_for_timeout(100)
        between.flow()
        screen.wait()
        skipped = page.locator("[data-skipped]")
        expect(skipped).to_have_text(re.compile(r"^\d+ steps came faster than they could be sent, and were skipped"))
        assert page.evaluate(STEPS) == 150
        expect(page.locator("#chart-words")).to_contain_text("loss over 150 points")
        expect(page.locator("#summary")).to_have_text(re.compile("^ran in"))
        plot = page.locator(".plot")
        plot.press("Home")
        there = [page.evaluate(SHOWN)]
        while len(there) < 2 or there[-1] != there[-2]:
            plot.press("ArrowRight")
            there.append(page.evaluate(SHOWN))
        missing = int(re.findall(r"\d+", skipped.inner_text())[0])
        assert 1 < len(set(there)) <= 150 - missing
        screen.run(EXPRESSION)
        expect(skipped).to_have_count(0)


def test_steps_that_the_server_no_longer_had_are_told_apart_from_those_it_could_not_send(open_page: Open) -> None:
    faults = ("WebSocket connection", "ERR_")
    with serve(run_log_bytes=64 * 1024) as served, network(served.url) as between:
        screen = open_page(url=between.url, expected=lambda text: any(fault in text for fault in faults))
        page = start(screen, WIDE)
        at_least(page, 2)
        between.cut()
        while served.runs()["running"] > 0:
            page.wait_for_timeout(100)
        between.mend()
        screen.wait()
        said = re.compile(r"^\d+ steps had made room for newer ones on the server before this page asked for them")
        expect(page.locator("[data-expired]")).to_have_text(said)
        assert page.locator("[data-skipped]").count() == 0


def test_a_restarted_server_no_longer_knows_the_run_and_its_picture_stays(open_page: Open) -> None:
    faults = ("WebSocket connection", "ERR_")
    with serve() as first:
        screen = open_page(url=first.url, expected=lambda text: any(fault in text for fault in faults))
        page = start(screen, ENDLESS)
        at_least(page, 10)
        port = first.url.rsplit(":", 1)[1].rstrip("/")
    with serve("--port", port):
        trouble = page.locator("[data-trouble=lost]")
        expect(trouble).to_be_visible(timeout=60_000)
        expect(trouble).to_contain_text("no run")
        expect(screen.node("w")).to_be_visible()
        expect(page.locator("#summary")).to_have_text(re.compile("^connection lost"))
        expect(page.locator("[data-link]")).to_have_count(0)
        screen.type(EXPRESSION)
        trouble.get_by_role("button").click()
        expect(screen.node("z")).to_be_visible()
        expect(trouble).to_have_count(0)


@pytest.fixture(scope="module")
def forgetting() -> Iterator[Served]:
    """A server that soon ends a run that nobody follows, and that only."""
    with serve(grace_seconds=0.2, cpu_seconds=300, wall_seconds=600) as served:
        yield served


def test_closing_the_tab_ends_a_run_that_nobody_else_follows(open_page: Open, forgetting: Served) -> None:
    page = start(open_page(url=forgetting.url), ENDLESS)
    at_least(page, 5)
    assert forgetting.runs()["running"] == 1
    page.close()
    forgetting.until_idle()


def test_a_run_that_another_follows_outlives_the_tab(open_page: Open, forgetting: Served) -> None:
    screen = open_page(url=forgetting.url)
    ids: list[str] = []

    def hear(frame: str | bytes) -> None:
        message = read(frame)
        if message["type"] == "hello":
            ids.append(message["run_id"])

    screen.page.on("websocket", lambda socket: socket.on("framereceived", hear))
    page = start(screen, ENDLESS)
    at_least(page, 5)
    with forgetting.client.stream("GET", f"/api/runs/{ids[-1]}/events") as other:
        lines = other.iter_lines()
        next(lines)
        page.close()
        time.sleep(1)  # longer than the grace
        assert forgetting.runs()["running"] == 1
    forgetting.until_idle()


def test_busy_server_says_when_to_come_back(open_page: Open) -> None:
    with serve(concurrent_runs=1, queue_length=0) as served:
        screen = open_page(url=served.url)
        busy = served.client.post("/api/runs", json={"code": "while True:\n    pass"}).json()
        start(screen, EXPRESSION.replace("x * y", "x - y"))
        trouble = screen.page.locator("[data-trouble=busy]")
        expect(trouble).to_contain_text(re.compile(r"Try again in \d+ second"))
        assert screen.words(screen.node("z"))[1] == "z = 20.0"
        served.client.delete(busy["cancel"])
        served.until_idle()
        trouble.get_by_role("button").click()
        expect(trouble).to_have_count(0)
        screen.wait()
        assert screen.words(screen.node("z"))[1] == "z = \u22121.0"


def test_unreachable_server_is_said_and_tried_again(open_page: Open) -> None:
    faults = ("WebSocket connection", "ERR_")
    with serve() as first:
        screen = open_page(url=first.url, expected=lambda text: any(fault in text for fault in faults))
        port = first.url.rsplit(":", 1)[1].rstrip("/")
    start(screen, EXPRESSION)
    trouble = screen.page.locator("[data-trouble=unreachable]")
    expect(trouble).to_be_visible()
    assert screen.node("z").count() == 1
    with serve("--port", port):
        trouble.get_by_role("button").click()
        expect(trouble).to_have_count(0)
        screen.wait()


def test_where_no_websocket_comes_through_http_does_and_nothing_is_said(open_page: Open, server: Served) -> None:
    with network(server.url, sockets=False) as between:
        screen = open_page(url=between.url, expected=lambda text: "WebSocket connection" in text)
        assert screen.words(screen.node("z"))[1] == "z = 20.0"
        screen.run(TRAINING)
        page = screen.page
        assert page.evaluate(STEPS) == 6
        assert page.locator("[data-trouble], [data-link]").count() == 0
        start(screen, ENDLESS)
        at_least(page, 20)
        page.click("#stop")
        screen.wait()
        expect(page.locator("#output-body")).to_contain_text("Stopped in line")


LATE = """from time import monotonic as clock
print("not yet")
began = clock()
while clock() < began + 2:
    pass
x = torch.tensor(3.0, requires_grad=True)
y = x * x
y.backward()
"""


def test_a_first_step_that_comes_late_is_shown_to_its_end(open_page: Open) -> None:
    page = start(screen := open_page(), LATE)
    expect(page.locator("#output-body")).to_contain_text("not yet")
    assert page.locator("body").get_attribute("data-phase") == "running"
    screen.wait()
    assert "whole step" in (page.locator('[data-part="position"]').text_content() or "")
