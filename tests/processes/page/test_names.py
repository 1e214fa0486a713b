"""The page of several functions, in a real browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support import browser as browsers
from tests.support.starting import StartLambda

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


@pytest.fixture
def browser() -> Iterator[Browser]:
    executable = browsers.find()
    if executable is None:
        assert "GITHUB_ACTIONS" not in os.environ, "GitHub's runners have a browser"
        pytest.skip("no Chromium or Chrome on the PATH")
    with browsers.running(executable) as browser:
        yield browser


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
