import pytest

from support.http import HttpResponse
from support.lambda_service import LambdaService
from support.service_starter import StartService

SHOP, OTHER = "https://shop.example", "https://other.example"
TEMPLATE = f"""
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {{Runtime: python3.12, CodeUri: code/, Handler: app.handler}}
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig:
        AuthType: NONE
        Cors:
          AllowOrigins: [{SHOP}]
          AllowMethods: [GET, POST]
          AllowHeaders: [x-one, x-two]
          ExposeHeaders: [x-three]
          AllowCredentials: true
          MaxAge: 60
  Everybody:
    Type: AWS::Serverless::Function
    Properties:
      FunctionUrlConfig:
        AuthType: NONE
        Cors: {{AllowOrigins: ["*"], AllowMethods: ["*"], AllowHeaders: ["*"]}}
"""
APP = """
def handler(event, context):
    print("ran for", event["requestContext"]["http"]["method"])
    return {"statusCode": 200, "body": "", "headers": {"Access-Control-Allow-Origin": "mine"}}
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


def send(
    service: LambdaService, name: str, method: str, origin: str, **headers: str
) -> HttpResponse:
    headers = {f"Access-Control-Request-{key}": value for key, value in headers.items()}
    host = f"{name}.localhost"
    return service.request(method, "/", headers={"Host": host, "Origin": origin, **headers})


def shared(response: HttpResponse) -> dict[str, str]:
    prefix = "access-control-"
    headers = response.headers.items()
    return {name[len(prefix) :]: value for name, value in headers if name.startswith(prefix)}


def test_preflight_does_not_invoke_the_function(service: LambdaService) -> None:
    response = send(service, "shop", "OPTIONS", SHOP, Method="POST", Headers="x-one")
    everybody = send(service, "everybody", "OPTIONS", OTHER, Method="PUT", Headers="x-any")

    assert (response.status, response.body) == (200, b"")
    assert shared(response) == {
        "allow-origin": SHOP,
        "allow-credentials": "true",
        "allow-methods": "GET,POST",
        "allow-headers": "x-one,x-two",
        "max-age": "60",
    }
    assert shared(everybody) == {
        "allow-origin": "*",
        "allow-methods": "PUT",
        "allow-headers": "x-any",
    }
    assert not any("ran for OPTIONS" in line for line in service.lines)


def test_response_to_allowed_origin_has_cors_headers(service: LambdaService) -> None:
    response = send(service, "shop", "GET", SHOP)

    assert response.status == 200
    assert shared(response) == {
        "allow-origin": SHOP,
        "allow-credentials": "true",
        "expose-headers": "x-three",
    }
    assert response.headers["vary"] == "Origin"
    assert shared(send(service, "everybody", "GET", OTHER)) == {"allow-origin": "*"}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_response_to_other_origin_has_no_cors_headers(service: LambdaService, method: str) -> None:
    local = send(service, "shop", method, "http://localhost:5173", Method="GET")
    foreign = send(service, "shop", method, OTHER, Method="GET")

    assert (local.status, shared(local)) == (200, {})
    assert (foreign.status, shared(foreign)) == (403, {})


def test_options_without_preflight_headers_invokes_function(service: LambdaService) -> None:
    response = service.request("OPTIONS", "/", headers={"Host": "everybody.localhost"})

    assert response.status == 200
    service.wait_for_line("ran for OPTIONS")
