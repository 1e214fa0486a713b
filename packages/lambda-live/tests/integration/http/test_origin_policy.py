from collections.abc import Mapping
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from support.browser import find_browser, launch
from support.http import HttpResponse
from support.lambda_service import INVOKE, LambdaService
from support.service_starter import StartService

EVIL = "https://evil.example"
COUNTS = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return calls
"""
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(COUNTS, "--allowed-hosts=dev.example, .team.example")


def send(service: LambdaService, path: str, headers: Mapping[str, str]) -> HttpResponse:
    """Send a request as a browser does: POST to the function, GET to the admin port."""
    if path == "/metrics":
        return service.admin(path, headers)
    return service.request("POST", path, b"{}", headers)


EACH_FRONT_END = pytest.mark.parametrize("path", [INVOKE, "/", "/metrics"])


@EACH_FRONT_END
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "null"},
        {"Origin": "chrome-extension://abcdef"},
        {"Origin": "http://[evil"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost@evil.example"},
        {"Referer": EVIL + "/page"},
        CROSS_SITE,
    ],
)
def test_request_from_foreign_page_is_rejected(
    service: LambdaService, path: str, headers: dict[str, str]
) -> None:
    count = service.invoke().json()

    response = send(service, path, headers)
    assert (response.status, response.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert b"are not allowed" in response.body
    assert service.invoke().json() == count + 1


@EACH_FRONT_END
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:3001", "team.example", "127.0.0.1.nip.io"),
        *("0.0.0.0", "intranet:3001", "function", "function.lambda.svc", "db.internal"),  # noqa: S104  # not bound
        *("host.docker.internal:3001", "function.lambda.svc.cluster.local:8080"),
        *("localhost.evil.example", "evillocalhost", "host.team.example.evil"),
    ],
)
def test_unknown_host_is_rejected(service: LambdaService, path: str, host: str) -> None:
    response = send(service, path, {"Host": host})

    assert response.status == 403
    name = host.partition(":")[0]
    assert f"--allowed-hosts {name} " in response.json()["message"]


def test_two_host_headers_are_rejected(service: LambdaService) -> None:
    response = service.request("GET", "/", headers={"Host": "localhost", "host": "evil.example"})

    assert response.status == 400


@EACH_FRONT_END
@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.:80", "function.localhost:3001", "127.0.0.1:1", "[::1]:80"),
        *("10.42.0.7:8080", "dev.example", "a.team.example:3001"),
    ],
)
def test_own_host_is_accepted(service: LambdaService, path: str, host: str) -> None:
    assert send(service, path, {"Host": host}).status == 200


def test_public_url_host_is_accepted(start_service: StartService) -> None:
    service = start_service(COUNTS, "--public-url=https://lambda.example/")

    assert service.request("GET", "/", headers={"Host": "lambda.example"}).status == 200


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium")
def test_browser_page_of_rebound_name_gets_nothing(service: LambdaService) -> None:
    names = ("intranet", "db.internal", "function.lambda.svc")
    rules = ",".join(f"MAP {name} 127.0.0.1" for name in names)
    port = urlsplit(service.admin_url).port
    with (
        launch(find_browser() or "", f"--host-resolver-rules={rules}") as browser,
        closing(browser.new_page()) as page,
    ):
        for name in names:
            response = page.goto(f"http://{name}:{port}/metrics")

            assert response is not None
            assert response.status == 403
            assert "lambda_" not in page.content()


@EACH_FRONT_END
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://app.localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://dev.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://192.168.0.2:80", "Host": "192.168.0.2:80"},
        {"Referer": "http://localhost:10350/overview", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {},
    ],
)
def test_request_from_local_page_is_accepted(
    service: LambdaService, path: str, headers: dict[str, str]
) -> None:
    assert send(service, path, headers).status == 200


def test_navigation_from_foreign_page_is_accepted(service: LambdaService) -> None:
    headers = LINK | {"Referer": EVIL}

    assert service.request("GET", "/", headers=headers).status == 200
    assert service.admin("/ready", headers).status == 200
    assert service.request("POST", "/", b"", headers).status == 403
    framed = headers | {"Sec-Fetch-Dest": "iframe"}
    assert service.request("GET", "/", headers=framed).status == 403
