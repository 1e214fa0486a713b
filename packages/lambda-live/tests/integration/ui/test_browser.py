"""The page as a person has it: in a real browser."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support import browser as browsers
from support.local_lambda import LocalLambda
from support.starting import StartLambda

CODE = """
def answer(event):
    return {"said": event.get("message")}

def handler(event, context):
    print("called")
    if "raise" in event:
        raise ValueError(event["raise"])
    return answer(event)
"""
NAMES = [f"orders-of-a-stack-whose-name-is-long-{end}" for end in ("Created", "Shipped")]
FUNCTION = """
  %s:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: code, FunctionName: %s}
"""
ENDS_WITHIN = """tag => {
    const walker = document.createTreeWalker(tag, NodeFilter.SHOW_TEXT), text = walker.nextNode();
    const range = document.createRange();
    range.setStart(text, text.length - 1);
    range.setEnd(text, text.length);
    const last = range.getBoundingClientRect(), box = tag.getBoundingClientRect();
    return tag.scrollWidth > tag.clientWidth && last.left >= box.left && last.right <= box.right;
}"""
_PATIENCE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = browsers.find()
    if executable is None:
        assert "GITHUB_ACTIONS" not in os.environ, "GitHub's runners have a browser"
        pytest.skip("no Chromium or Chrome on the PATH")
    expect.set_options(timeout=_PATIENCE)
    with browsers.running(executable) as browser:
        yield browser


@pytest.fixture(scope="module")
def service(start_module_lambda: StartLambda) -> LocalLambda:
    return start_module_lambda(
        {
            "function/__init__.py": "",
            "function/app.py": CODE,
            "events/hello.json": '{"message": "hello"}',
            "events/expected/hello.json": '{"said": "<string>"}',
            "events/other.json": '{"message": "other"}',
            "events/expected/other.json": '{"said": "this"}',
            "events/order.http": "POST /orders\nContent-Type: text/plain\n\nhello\n",
            "events/expected/order.http": '200\n\n{"said": null}\n',
        }
    )


@pytest.fixture(scope="module")
def window(browser: Browser, service: LocalLambda) -> Iterator[Page]:
    with browsers.opened(browser, service.admin_url, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def page(window: Page) -> Page:
    window.reload()
    expect(window.get_by_role("heading", name="function")).to_be_visible()
    expect(live(window)).to_be_visible()
    return window


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^live "))


@pytest.fixture
def code(service: LocalLambda) -> Iterator[Path]:
    path = service.project / "function/app.py"
    yield path
    path.write_text(CODE)


def row(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("option", name=text)


def unique(service: LocalLambda, call: str) -> None:
    """Invoke it as a call that no other test makes."""
    headers = {"X-Lambda-Live-Event": call}
    assert service.invoke({"message": call}, headers).status == 200


def test_an_invocation_is_a_row_as_it_happens(page: Page, service: LocalLambda) -> None:
    expect(row(page, "live row")).to_have_count(0)
    unique(service, "live row")

    expect(row(page, re.compile(r"^Succeeded, [\d:]+ live row ok "))).to_have_count(1)


def test_keys_go_through_the_list_as_in_a_mail_program(page: Page, service: LocalLambda) -> None:
    for number in (1, 2, 3):
        unique(service, f"key {number}")
        expect(row(page, f"key {number}")).to_be_visible()
    page.keyboard.press("j")
    expect(row(page, "key 3")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Details")
    expect(detail.get_by_role("heading", name="key 2")).to_be_visible()
    expect(detail.get_by_text("called", exact=True)).to_be_visible()
    page.keyboard.press("k")
    expect(detail.get_by_role("heading", name="key 3")).to_be_visible()
    page.keyboard.press("u")
    expect(detail).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_again_runs_an_invocation_once_more(page: Page, service: LocalLambda) -> None:
    unique(service, "again")
    row(page, "again").click()
    page.get_by_role("button", name="Again").click()

    expect(row(page, "again")).to_have_count(2)


def test_checks_are_hidden_until_they_are_asked_for(page: Page, service: LocalLambda) -> None:
    own = {"X-Lambda-Live-Event": "of a check", "X-Lambda-Live-Source": "check"}
    service.invoke({}, own)
    unique(service, "after the check")

    expect(row(page, "after the check")).to_be_visible()
    expect(row(page, "of a check")).to_have_count(0)
    page.keyboard.press("h")
    expect(row(page, "of a check")).to_be_visible()
    page.keyboard.press("h")
    expect(row(page, "of a check")).to_have_count(0)


def test_the_list_is_filtered_by_what_bodies_say_too(page: Page, service: LocalLambda) -> None:
    service.invoke({"message": "needle"}, {"X-Lambda-Live-Event": "has it"})
    unique(service, "has it not")
    expect(row(page, "has it")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("needle")

    expect(page.get_by_role("option")).to_have_count(1)
    expect(row(page, "has it")).to_have_count(1)


def test_an_event_is_sent_and_its_answer_shown_beside_the_expected_one(page: Page) -> None:
    page.get_by_role("button", name="Send an event").click()
    page.get_by_label("Event", exact=True).select_option("hello.json")
    expect(page.get_by_label("What is sent")).to_have_value('{"message": "hello"}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("✓ The expected answer", exact=True)).to_be_visible()
    page.get_by_label("Event", exact=True).select_option("other.json")
    expect(page.get_by_label("What is sent")).to_have_value('{"message": "other"}')
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.get_by_text("Not the expected answer")).to_be_visible()
    expect(page.locator(".diff .gone")).to_have_text('  "said": "this"')
    expect(page.locator(".diff .come")).to_have_text('  "said": "other"')


def test_a_request_to_the_url_is_picked_edited_and_sent(page: Page) -> None:
    page.keyboard.press("s")
    page.get_by_label("Event", exact=True).select_option("order.http")
    written = page.get_by_label("What is sent")
    expect(written).to_have_value(re.compile("^POST /orders\n"))
    page.get_by_role("button", name="Send", exact=True).click()
    detail = page.get_by_role("region", name="Details")
    expect(detail.get_by_role("heading", name="order.http")).to_be_visible()
    expect(detail.get_by_text("✓ The expected answer", exact=True)).to_be_visible()
    written.fill("DELETE /orders/7")
    page.keyboard.press("Control+Enter")

    expect(detail.get_by_role("heading", name="DELETE /orders/7")).to_be_visible()
    expect(detail.get_by_text("✓ The expected answer", exact=True)).to_have_count(0)


def test_what_is_kept_as_a_check_is_an_event_of_the_folder(
    page: Page, service: LocalLambda
) -> None:
    unique(service, "to keep")
    row(page, "to keep").click()
    page.get_by_role("button", name="Keep as check").click()
    page.get_by_label("Name").fill("kept_by_hand")
    page.get_by_role("button", name="Keep", exact=True).click()

    expect(page.get_by_role("heading", name="Kept as a check")).to_be_visible()
    kept = service.project / "events/expected/kept_by_hand.json"
    assert json.loads(kept.read_text()) == {"said": "to keep"}


def test_a_pinned_invocation_shows_what_a_save_changed(
    page: Page, service: LocalLambda, code: Path
) -> None:
    unique(service, "pinned")
    row(page, "pinned").click()
    expect(page.get_by_role("button", name="Pin")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_text("and shows here what changed")).to_be_visible()
    code.write_text(CODE.replace('"said"', '"heard"'))

    expect(page.get_by_text("The last save changed its answer.")).to_be_visible()
    expect(page.locator(".diff .gone")).to_have_text('  "said": "pinned"')
    expect(page.locator(".diff .come")).to_have_text('  "heard": "pinned"')
    page.keyboard.press("p")
    expect(page.locator("#pins")).to_be_hidden()


def test_answers_over_a_save_are_off_until_somebody_turns_them_on(
    page: Page, service: LocalLambda, code: Path
) -> None:
    switch = page.get_by_role("switch", name="Answers over a save")
    expect(switch).not_to_be_checked()
    unique(service, "over the save")
    page.keyboard.press("a")
    expect(switch).to_be_checked()
    code.write_text(CODE.replace('"said"', '"answered"'))

    row(page, "changed: over the save").click()
    compared = page.locator(".comparison", has_text="over the save")
    expect(compared.locator(".come")).to_have_text('  "answered": "over the save"')
    page.keyboard.press("a")
    expect(switch).not_to_be_checked()


def test_code_that_does_not_load_is_shown_at_its_place_and_mended(
    page: Page, service: LocalLambda, code: Path
) -> None:
    code.write_text(CODE.replace("def answer(event):", "def answer(event)"))
    expect(page.get_by_role("button", name="does not load: app.py:2")).to_be_visible()
    page.get_by_role("button", name="does not load: app.py:2").click()
    detail = page.get_by_role("region", name="Details")
    expect(detail.locator("li.here")).to_have_text("def answer(event)")
    link = detail.get_by_role("link", name="app.py:2")
    expect(link).to_have_attribute("href", f"vscode://file{code}:2")
    expect(detail.get_by_text("gets this error until the code is mended")).to_be_visible()

    code.write_text(CODE)
    expect(live(page)).to_be_visible()
    expect(detail.get_by_text("Another save has taken its place.")).to_be_visible()
    unique(service, "mended")
    expect(row(page, re.compile("^Succeeded, .* mended ok "))).to_be_visible()


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(
    page: Page, service: LocalLambda, width: int, scheme: Literal["light", "dark"]
) -> None:
    unique(service, "a call whose name is long enough to be cut somewhere, wherever that may be")
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("option").first.click()
    expect(page.get_by_role("region", name="Details")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width

    page.emulate_media(color_scheme="null")
    assert size is not None
    page.set_viewport_size(size)


def test_of_a_functions_name_that_is_cut_the_end_is_seen(
    browser: Browser, start_lambda: StartLambda
) -> None:
    functions = "".join(FUNCTION % (f"F{at}", name) for at, name in enumerate(NAMES))
    files = {
        "template.yaml": f"Resources:{functions}",
        "code/app.py": "def handler(event, context): return 1\n",
    }
    service = start_lambda(files, handler=None)
    size = {"width": 390, "height": 800}
    with browsers.opened(browser, service.admin_url, viewport=size) as page:
        for name in NAMES:
            tag = page.get_by_role("option", name=name).locator(".tag")
            expect(tag).to_have_attribute("title", name)
            assert tag.evaluate(ENDS_WITHIN)


def test_who_comes_to_the_list_by_keyboard_sees_where_they_are(page: Page) -> None:
    page.get_by_role("switch", name="Checks").focus()
    page.keyboard.press("Tab")
    rows = page.get_by_role("listbox", name="Invocations and saves")
    expect(rows).to_be_focused()
    expect(rows).not_to_have_css("outline-style", "none")


def test_older_rows_come_when_they_are_asked_for(page: Page, service: LocalLambda) -> None:
    page.goto("about:blank")  # to show each as it comes takes longer
    unique(service, "an old one")
    for _ in range(200):
        service.invoke({})
    page.goto(service.admin_url)
    expect(page.get_by_role("option")).to_have_count(200)
    expect(row(page, "an old one")).to_have_count(0)
    page.keyboard.press("G")
    expect(row(page, "an old one")).to_have_count(1)
    page.keyboard.press("g")
    unique(service, "a new one")
    expect(row(page, "a new one")).to_be_visible()


def test_of_an_error_the_log_has_what_the_function_wrote_alone(
    page: Page, service: LocalLambda
) -> None:
    service.invoke({"raise": "no luck"}, {"X-Lambda-Live-Event": "unlucky"})
    row(page, "unlucky").click()
    detail = page.get_by_role("region", name="Details")

    expect(detail.get_by_text("ValueError: no luck")).to_have_count(1)
    expect(detail.locator("h3", has_text="Log").locator("+ pre")).to_have_text("called\n")


def test_an_answer_is_never_markup(page: Page, service: LocalLambda) -> None:
    call = "<img src=x onerror=alert(1)>"
    service.invoke({"message": "</pre><script>alert(1)</script>"}, {"X-Lambda-Live-Event": call})
    row(page, "onerror").click()

    expect(page.get_by_role("heading", name=call)).to_be_visible()
    assert page.locator("img").count() == 0
