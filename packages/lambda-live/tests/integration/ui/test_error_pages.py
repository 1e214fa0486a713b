import pytest

from support.lambda_service import LambdaService
from support.service_starter import StartService

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SOURCE = """
def handler(event, context):
    if event["rawPath"] == "/malformed":
        return {"statusCode": "<b>"}
    if event["rawPath"] == "/ok":
        return {"statusCode": 404, "body": "not here"}
    raise ValueError("<script>alert('no')</script>")
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(SOURCE)


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/json"}])
def test_other_clients_get_aws_response(service: LambdaService, headers: dict[str, str]) -> None:
    response = service.request("GET", "/", headers=headers)

    assert (response.status, response.body) == (502, b"Internal Server Error")
    assert response.headers["content-type"] == "text/plain"


def test_browser_gets_error_location_and_request_id(service: LambdaService) -> None:
    response = service.request("GET", "/", headers=BROWSER)

    text = response.body.decode()
    assert response.status == 502
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<h1>ValueError: &lt;script&gt;alert(&#x27;no&#x27;)&lt;/script&gt;</h1>" in text
    assert f'href="vscode://file{service.project}/function/app.py:7"' in text
    assert '<span class="error-line"><i>7</i>    raise ValueError(' in text
    request_id = response.headers["x-amzn-requestid"]
    assert f'href="{service.admin_url}/#{request_id}"' in text


def test_browser_gets_reason_for_malformed_response(service: LambdaService) -> None:
    text = service.request("GET", "/malformed", headers=BROWSER).body.decode()

    reason = "statusCode must be an integer from 200 to 599, got &#x27;&lt;b&gt;&#x27;"
    assert f"{reason}</h1>" in text
    assert "<pre><span>{&quot;statusCode&quot;: &quot;&lt;b&gt;&quot;}</span></pre>" in text


def test_browser_gets_own_error_response_of_function_unchanged(service: LambdaService) -> None:
    response = service.request("GET", "/ok", headers=BROWSER)
    assert (response.status, response.body) == (404, b"not here")
