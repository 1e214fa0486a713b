"""The page in a real browser."""

import base64
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lambda_live.terminal.text import format_duration
from support import browser as browsers
from support.http import request
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.terminal import TerminalService

CODE = """
import logging

def respond(event):
    return {"said": event.get("message")}

def handler(event, context):
    print("called")
    if "warn" in event:
        logging.getLogger().warning(event["warn"])
    if "raise" in event:
        raise ValueError(event["raise"])
    return respond(event)
"""
NAMES = [f"orders-of-a-stack-whose-name-is-long-{end}" for end in ("Created", "Shipped")]
FUNCTION = """
  %s:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: code, FunctionName: %s}
"""
END_IS_VISIBLE = """tag => {
    const walker = document.createTreeWalker(tag, NodeFilter.SHOW_TEXT), text = walker.nextNode();
    const range = document.createRange();
    range.setStart(text, text.length - 1);
    range.setEnd(text, text.length);
    const last = range.getBoundingClientRect(), box = tag.getBoundingClientRect();
    return tag.scrollWidth > tag.clientWidth && last.left >= box.left && last.right <= box.right;
}"""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
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
def window(browser: Browser, service: LambdaService) -> Iterator[Page]:
    with browsers.open_page(browser, service.admin_url, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def page(window: Page, service: LambdaService) -> Page:
    window.goto(service.admin_url)
    expect(window.get_by_role("heading", name="function")).to_be_visible()
    expect(live(window)).to_be_visible()
    return window


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^live "))


@pytest.fixture
def code(service: LambdaService) -> Iterator[Path]:
    path = service.project / "function/app.py"
    yield path
    path.write_text(CODE)


def row(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("option", name=text)


def dashboard(terminal: TerminalService) -> str:
    """Return the URL that a service prints in a terminal."""
    return terminal.wait_for(r"Dashboard +(http://\S+:\d+)")[1]


def invoke_labelled(service: LambdaService, label: str) -> None:
    """Invoke with a label that no other test uses."""
    headers = {"X-Lambda-Live-Event": label}
    assert service.invoke({"message": label}, headers).status == 200


def test_new_invocation_appears_as_row(page: Page, service: LambdaService) -> None:
    expect(row(page, "live row")).to_have_count(0)
    invoke_labelled(service, "live row")

    expect(row(page, re.compile(r"^Succeeded, [\d:]+ live row ok "))).to_have_count(1)


def test_keys_move_through_the_list(page: Page, service: LambdaService) -> None:
    for number in (1, 2, 3):
        invoke_labelled(service, f"key {number}")
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
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_rerun_button_runs_invocation_again(page: Page, service: LambdaService) -> None:
    invoke_labelled(service, "again")
    row(page, "again").click()
    page.get_by_role("button", name="Rerun").click()

    expect(row(page, "again")).to_have_count(2)


def test_check_runs_are_hidden_until_toggled(page: Page, service: LambdaService) -> None:
    own = {"X-Lambda-Live-Event": "of a check", "X-Lambda-Live-Source": "check"}
    service.invoke({}, own)
    invoke_labelled(service, "after the check")

    expect(row(page, "after the check")).to_be_visible()
    expect(row(page, "of a check")).to_have_count(0)
    page.keyboard.press("h")
    expect(row(page, "of a check")).to_be_visible()
    page.keyboard.press("h")
    expect(row(page, "of a check")).to_have_count(0)


def test_filter_searches_bodies(page: Page, service: LambdaService) -> None:
    service.invoke({"message": "needle"}, {"X-Lambda-Live-Event": "has it"})
    invoke_labelled(service, "has it not")
    expect(row(page, "has it")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("needle")

    expect(page.get_by_role("option")).to_have_count(1)
    expect(row(page, "has it")).to_have_count(1)


def test_composer_sends_event_and_compares_with_expected_response(page: Page) -> None:
    page.get_by_role("button", name="Send event").click()
    page.get_by_label("Event file").select_option("hello.json")
    expect(page.get_by_label("Event or request")).to_have_value('{"message": "hello"}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("✓ Matches the expected response", exact=True)).to_be_visible()
    page.get_by_label("Event file").select_option("other.json")
    expect(page.get_by_label("Event or request")).to_have_value('{"message": "other"}')
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.get_by_text("Differs from the expected response")).to_be_visible()
    expect(page.locator(".diff .removed")).to_have_text('  "said": "this"')
    expect(page.locator(".diff .added")).to_have_text('  "said": "other"')


def test_composer_sends_http_request(page: Page) -> None:
    page.keyboard.press("i")
    page.get_by_label("Event file").select_option("order.http")
    text = page.get_by_label("Event or request")
    expect(text).to_have_value(re.compile("^POST /orders\n"))
    page.get_by_role("button", name="Send", exact=True).click()
    detail = page.get_by_role("region", name="Details")
    expect(detail.get_by_role("heading", name="order.http")).to_be_visible()
    expect(detail.get_by_text("✓ Matches the expected response", exact=True)).to_be_visible()
    text.fill("DELETE /orders/7")
    page.keyboard.press("Control+Enter")

    expect(detail.get_by_role("heading", name="DELETE /orders/7")).to_be_visible()
    expect(detail.get_by_text("✓ Matches the expected response", exact=True)).to_have_count(0)


def test_save_as_check_dialog_writes_event_file(page: Page, service: LambdaService) -> None:
    invoke_labelled(service, "to save")
    row(page, "to save").click()
    page.get_by_role("button", name="Save as check").click()
    page.get_by_label("Name").fill("saved_by_hand")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("heading", name="Saved as a check")).to_be_visible()
    saved = service.project / "events/expected/saved_by_hand.json"
    assert json.loads(saved.read_text()) == {"said": "to save"}


def test_pinned_invocation_shows_changes_after_save(
    page: Page, service: LambdaService, code: Path
) -> None:
    invoke_labelled(service, "pinned")
    row(page, "pinned").click()
    expect(page.get_by_role("button", name="Pin")).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_text("shows here what changed")).to_be_visible()
    code.write_text(CODE.replace('"said"', '"heard"'))

    expect(page.get_by_text("The last save changed its response.")).to_be_visible()
    expect(page.locator(".diff .removed")).to_have_text('  "said": "pinned"')
    expect(page.locator(".diff .added")).to_have_text('  "heard": "pinned"')
    page.keyboard.press("p")
    expect(page.locator("#pins")).to_be_hidden()


def test_replay_after_save_is_off_until_enabled(
    page: Page, service: LambdaService, code: Path
) -> None:
    switch = page.get_by_role("switch", name="Replay after save")
    expect(switch).not_to_be_checked()
    invoke_labelled(service, "replayed")
    page.keyboard.press("r")
    expect(switch).to_be_checked()
    code.write_text(CODE.replace('"said"', '"replied"'))

    row(page, "changed: replayed").click()
    compared = page.locator(".comparison", has_text="replayed")
    expect(compared.locator(".added")).to_have_text('  "replied": "replayed"')
    page.keyboard.press("r")
    expect(switch).not_to_be_checked()


def test_load_error_is_shown_until_fixed(page: Page, service: LambdaService, code: Path) -> None:
    code.write_text(CODE.replace("def respond(event):", "def respond(event)"))
    page.get_by_role("button", name="does not load: app.py:4").click()
    detail = page.get_by_role("region", name="Details")
    expect(detail.locator("li.error-line")).to_have_text("def respond(event)")
    link = detail.get_by_role("link", name="app.py:4")
    expect(link).to_have_attribute("href", f"vscode://file{code}:4")
    expect(detail.get_by_text("LAMBDA_WARNING")).to_have_count(0)
    expect(detail.get_by_text("Every invocation fails until this is fixed.")).to_be_visible()

    code.write_text(CODE)
    expect(live(page)).to_be_visible()
    expect(detail.get_by_text("Superseded by a later save.")).to_be_visible()
    invoke_labelled(service, "fixed code")
    expect(row(page, re.compile("^Succeeded, .* fixed code ok "))).to_be_visible()


@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_overflow(
    page: Page, service: LambdaService, width: int, scheme: Literal["light", "dark"]
) -> None:
    invoke_labelled(
        service, "a call whose name is long enough to be cut somewhere, wherever that may be"
    )
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("option").first.click()
    expect(page.get_by_role("region", name="Details")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width

    page.emulate_media(color_scheme="null")
    assert size is not None
    page.set_viewport_size(size)


def test_long_function_names_fit_a_phone_and_show_their_end(
    browser: Browser, start_service: StartService
) -> None:
    functions = "".join(FUNCTION % (f"F{at}", name) for at, name in enumerate(NAMES))
    files = {
        "template.yaml": f"Resources:{functions}",
        "code/app.py": "def handler(event, context): return 1\n",
    }
    service = start_service(files, handler=None)
    size = {"width": 390, "height": 800}
    with browsers.open_page(browser, service.admin_url, viewport=size) as page:
        for name in NAMES:
            tag = page.get_by_role("option", name=name).locator(".tag")
            expect(tag).to_have_attribute("title", name)
            assert tag.evaluate(END_IS_VISIBLE)
        page.get_by_role("option").last.click()
        expect(page.get_by_role("heading", name="Started")).to_be_visible()
        for view in ("", "Functions", "Send event"):
            if view:
                page.get_by_role("button", name=view, exact=True).first.click()
                expect(page.get_by_role("heading", name=view, level=2)).to_be_visible()
            details = page.get_by_role("region", name="Details")
            assert details.evaluate("tag => tag.scrollWidth <= tag.clientWidth"), view


def test_list_focused_by_keyboard_has_outline(page: Page) -> None:
    page.get_by_role("switch", name="Checks").focus()
    page.keyboard.press("Tab")
    rows = page.get_by_role("listbox", name="Invocations and saves")
    expect(rows).to_be_focused()
    expect(rows).not_to_have_css("outline-style", "none")


def test_older_rows_are_added_on_demand(page: Page, service: LambdaService) -> None:
    page.goto("about:blank")  # showing each row would take longer
    invoke_labelled(service, "an old one")
    for _ in range(200):
        service.invoke({})
    page.goto(service.admin_url)
    expect(page.get_by_role("option")).to_have_count(200)
    expect(row(page, "an old one")).to_have_count(0)
    page.keyboard.press("G")
    expect(row(page, "an old one")).to_have_count(1)
    page.keyboard.press("g")
    invoke_labelled(service, "a new one")
    expect(row(page, "a new one")).to_be_visible()


def test_log_shows_level_and_message_and_raw_the_whole_record(
    page: Page, service: LambdaService
) -> None:
    service.invoke({"warn": "low stock"}, {"X-Lambda-Live-Event": "warned"})
    row(page, "warned").click()
    log = page.get_by_role("region", name="Details").locator("pre.log")

    expect(log).to_have_text(re.compile(r"\d\.\d{3} WARNING +low stock\n$"))
    page.get_by_role("button", name="Raw").click()
    expect(log).to_have_text(re.compile(r"\[WARNING\]\t\S+Z\t\S+\tlow stock"))


def test_log_of_error_omits_runtime_lines(page: Page, service: LambdaService) -> None:
    service.invoke({"raise": "no luck"}, {"X-Lambda-Live-Event": "unlucky"})
    row(page, "unlucky").click()
    detail = page.get_by_role("region", name="Details")

    expect(detail.get_by_text("ValueError: no luck")).to_have_count(1)
    log = detail.locator("h3", has_text="Log").locator("+ div pre")
    expect(log).to_have_text(re.compile(r"^\s*\d+\.\d{3} called\n$"))


def test_response_is_never_rendered_as_markup(page: Page, service: LambdaService) -> None:
    label = "<img src=x onerror=alert(1)>"
    service.invoke({"message": "</pre><script>alert(1)</script>"}, {"X-Lambda-Live-Event": label})
    row(page, "onerror").click()

    expect(page.get_by_role("heading", name=label)).to_be_visible()
    assert page.locator("img").count() == 0


def test_reload_and_back_keep_what_is_shown(page: Page, service: LambdaService) -> None:
    invoke_labelled(service, "linked")
    row(page, "linked").click()
    detail = page.get_by_role("region", name="Details")
    heading = detail.get_by_role("heading", name="linked")
    expect(heading).to_be_visible()
    page.get_by_label("Filter by text").fill("linked")
    page.reload()
    expect(heading).to_be_visible()
    expect(page.get_by_label("Filter by text")).to_have_value("linked")
    expect(page.get_by_role("option")).to_have_count(1)

    page.keyboard.press("i")
    expect(detail.get_by_role("heading", name="Send event")).to_be_visible()
    page.go_back()
    expect(heading).to_be_visible()
    page.go_back()
    expect(detail).to_be_hidden()
    page.goto(service.admin_url)


def test_escape_leaves_the_composer_with_one_key(page: Page) -> None:
    page.keyboard.press("i")
    expect(page.get_by_label("Event or request")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("region", name="Details")).to_be_hidden()


def test_functions_view_shows_addresses_and_last_results(
    page: Page, service: LambdaService
) -> None:
    invoke_labelled(service, "of the view")
    expect(row(page, "of the view")).to_be_visible()
    page.get_by_role("button", name="Functions").click()
    shown = page.get_by_role("region", name="function", exact=True)
    expect(shown.get_by_text(f"{service.url}/", exact=True)).to_be_visible()
    expect(shown.get_by_text("function.app.handler")).to_be_visible()
    shown.get_by_role("link", name="of the view: ok").click()

    expect(page.get_by_role("heading", name="of the view")).to_be_visible()


def test_json_folds_and_is_searched(page: Page, service: LambdaService) -> None:
    event = {"message": "folded", "many": [{"needle": number} for number in range(60)]}
    service.invoke(event, {"X-Lambda-Live-Event": "large event"})
    row(page, "large event").click()
    body = page.locator(".body").last
    expect(body.get_by_text("60 items ]")).to_be_visible()
    expect(body.get_by_text('"needle"').first).to_be_hidden()
    find = page.get_by_label("Find in this text").last
    find.fill("needle")
    expect(page.get_by_text("60", exact=True)).to_be_visible()
    find.press("Enter")

    expect(page.get_by_text("1 of 60", exact=True)).to_be_visible()
    expect(body.get_by_text('"needle"').first).to_be_visible()


def test_large_event_is_shown_as_a_whole_on_demand(page: Page, service: LambdaService) -> None:
    event = {"padding": "x" * 5 * 2**20, "message": "large", "last": "the end"}
    service.invoke(event, {"X-Lambda-Live-Event": "five megabytes"})
    row(page, "five megabytes").click()
    expect(page.get_by_text("Shows the first 64 KB of 5.0 MB.")).to_be_visible()
    expect(page.get_by_role("button", name="Rerun")).to_be_enabled()
    page.get_by_role("button", name="Show all").click()

    expect(page.locator(".body").last).to_contain_text("the end")


def test_binary_response_is_shown_as_an_image(
    page: Page, service: LambdaService, code: Path
) -> None:
    body = base64.b64encode(PIXEL).decode()
    response = {"headers": {"Content-Type": "image/png"}, "body": body, "isBase64Encoded": True}
    code.write_text(f"def handler(event, context): return {response | {'statusCode': 200}}\n")
    assert service.request("GET", "/picture").body == PIXEL
    row(page, "GET /picture").click()
    image = page.get_by_role("img", name="The response's image")
    expect(image).to_be_visible()

    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    expect(page.get_by_text("Binary body: image/png, 70 bytes")).to_be_visible()


@pytest.mark.parametrize(
    "more", [{"cookies": 5}, {"body": 5, "isBase64Encoded": True}, {"headers": None, "body": None}]
)
def test_invalid_proxy_response_is_shown(
    page: Page, service: LambdaService, code: Path, more: dict[str, object]
) -> None:
    response = {"statusCode": 200, **more}
    code.write_text(f"def handler(event, context): return {response}\n")
    name = "-".join(more)
    service.invoke({}, {"X-Lambda-Live-Event": name})
    row(page, name).click()

    expect(page.locator("#detail h2 .label")).to_have_text(name)
    expect(page.locator(".body pre").first).to_contain_text("200")


def test_copy_copies_what_is_shown(page: Page, service: LambdaService) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    invoke_labelled(service, "copied")
    row(page, "copied").click()
    page.locator("h3", has_text="Response").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == '{\n  "said": "copied"\n}'

    page.get_by_role("button", name="pytest").click()
    expect(page.get_by_text("def test_copied():")).to_be_visible()


def test_failed_checks_link_to_their_events_and_can_be_accepted(
    browser: Browser, tmp_path: Path
) -> None:
    check = f"{sys.executable} -m lambda_live check"
    files = {
        "function/__init__.py": "",
        "function/app.py": CODE,
        "events/hello.json": '{"message": "hello"}',
        "events/expected/hello.json": '{"said": "bye"}',
    }
    write_project(tmp_path, files)
    commands = (f"--after-reload={check}", f"--accept={check} --accept")
    with (
        closing(TerminalService(tmp_path, *commands)) as terminal,
        browsers.open_page(browser, dashboard(terminal), reduced_motion="reduce") as page,
    ):
        row(page, "0 of 1 events as expected").first.click()
        expect(page.get_by_text('said: "bye" → "hello"')).to_be_visible()
        page.get_by_role("link", name="hello.json").click()
        expect(page.get_by_role("heading", name="hello.json Failed")).to_be_visible()
        expect(page.get_by_text("The response differs from the expected one")).to_be_visible()
        page.go_back()
        page.get_by_role("button", name="Accept").click()

        expect(row(page, "1 of 1 events as expected")).to_be_visible()
        page.keyboard.press("c")
        expect(row(page, "1 of 1 events as expected")).to_have_count(2)
    expected = tmp_path / "events/expected/hello.json"
    assert json.loads(expected.read_text()) == {"said": "hello"}


def test_page_shows_progress_of_slow_checks(browser: Browser, tmp_path: Path) -> None:
    source = """
import os, time

def handler(event, context):
    while not os.path.exists(event):
        time.sleep(0.01)
"""
    files = {
        "function/__init__.py": "",
        "function/app.py": source,
        "events/slow.json": json.dumps(str(tmp_path / "go")),
        "events/expected/slow.json": "null",
    }
    write_project(tmp_path, files)
    check = f"--after-reload={sys.executable} -m lambda_live check"
    with (
        closing(TerminalService(tmp_path, check)) as terminal,
        browsers.open_page(browser, dashboard(terminal)) as page,
    ):
        expect(page.get_by_text("Checks: 0 of 1 done, waiting for slow.json")).to_be_visible()
        expect(page.get_by_role("button", name="Checks running")).to_be_disabled()

        (tmp_path / "go").touch()

        expect(row(page, "1 of 1 events as expected")).to_be_visible()
        expect(page.get_by_role("button", name="Run checks")).to_be_enabled()
        expect(page.get_by_text("waiting for slow.json")).to_have_count(0)


def test_failed_installation_is_shown_until_it_is_repaired(
    browser: Browser, start_service: StartService
) -> None:
    service = start_service(
        {"template.yaml": f"Resources:{FUNCTION % ('F', 'orders')}"}
        | {"code/app.py": CODE, "code/requirements.txt": ""},
        handler=None,
    )
    service.expected_stderr = service.stderr
    requirements = service.project / "code/requirements.txt"
    with browsers.open_page(browser, service.admin_url) as page:
        requirements.write_text("./missing-1-py3-none-any.whl\n")
        page.get_by_role("button", name="packages not installed").click()
        expect(page.get_by_text("code/requirements.txt can't be installed")).to_be_visible()

        requirements.write_text("")

        expect(page.get_by_text("can't be installed")).to_have_count(0)
        expect(page.get_by_role("button", name="packages")).to_have_count(0)
        service.wait_for_line("code/requirements.txt: the packages are installed")


def test_reload_takes_the_same_time_in_terminal_page_and_metrics(
    browser: Browser, tmp_path: Path
) -> None:
    write_project(tmp_path, {"function/__init__.py": "", "function/app.py": CODE})
    with (
        closing(TerminalService(tmp_path)) as terminal,
        browsers.open_page(browser, dashboard(terminal)) as page,
    ):
        terminal.wait_for("loaded in")
        terminal.save(f"{CODE}\n")
        text = terminal.wait_for(r"reloaded in ([\d.]+ m?s)\n")

        expect(row(page, f"Saved · {text[0].strip()}")).to_be_visible()
        metrics = request(dashboard(terminal), "GET", "/metrics").body.decode()
        (milliseconds,) = (
            float(line.rpartition(" ")[2]) * 1000
            for line in metrics.splitlines()
            if line.startswith("lambda_reload_duration_seconds_sum")
        )
        assert format_duration(milliseconds) == text[1]


def test_direction_marks_are_escaped(service: LambdaService, page: Page) -> None:
    service.invoke({"message": "\u202egnp.exe"}, {"X-Lambda-Live-Event": "marks"})

    row(page, "marks").click()

    expect(page.get_by_text(r'"message": "\u202egnp.exe"').first).to_be_visible()


def test_link_with_an_invalid_percent_sign_opens_the_page(
    service: LambdaService, page: Page
) -> None:
    page.goto(f"{service.admin_url}/#/functions/%E0%A4%A")
    page.reload()

    expect(page.get_by_role("heading", name="Function", exact=True)).to_be_visible()


def test_key_without_effect_says_why(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.get_by_text("--after-reload 'lambda-live check'")).to_be_in_viewport()

    page.keyboard.press("d")
    expect(page.get_by_text("The template has no queues")).to_be_in_viewport()
