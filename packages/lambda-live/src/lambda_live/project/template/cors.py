"""Who may call from a browser, as function URLs and both kinds of API write it."""

from collections.abc import Callable

from lambda_live.model.template import Cors
from lambda_live.project.template.document import Object
from lambda_live.project.template.properties import Properties


def of_url(url: Properties) -> Cors | None:
    """Return what a function URL says."""
    return _cors(url.section("Cors")) if "Cors" in url else None


def of_http_api(api: Properties) -> Cors | None:
    """Return what an HTTP API says, SAM's or CloudFormation's."""
    match api.get("CorsConfiguration"):
        case Object():
            return _cors(api.section("CorsConfiguration"))
        case "true":
            return Cors(allow_origins=("*",))
        case _:
            return None


def of_rest_api(api: Properties) -> Cors | None:
    """Return what SAM's REST APIs say."""
    match api.get("Cors"):
        case Object():
            cors = api.section("Cors")
            return _as_headers(cors.text, cors.flag("AllowCredentials"))
        case str() as origin:
            return Cors(allow_origins=(origin.strip("'"),))
        case _:
            return None


def _cors(cors: Properties) -> Cors:
    return Cors(
        allow_origins=cors.texts("AllowOrigins"),
        allow_methods=cors.texts("AllowMethods"),
        allow_headers=cors.texts("AllowHeaders"),
        expose_headers=cors.texts("ExposeHeaders"),
        allow_credentials=cors.flag("AllowCredentials"),
        max_age=cors.number("MaxAge", 0, 86_400, "seconds"),
    )


def of_mock(integration: Properties) -> Cors | None:
    """Return what a method OPTIONS answers that CDK or the Serverless Framework wrote."""
    for response in integration.items("IntegrationResponses"):
        headers = response.section("ResponseParameters")

        def text(key: str, headers: Properties = headers) -> str | None:
            name = "".join(f"-{each}" if each.isupper() else each for each in key)
            return headers.text(f"method.response.header.Access-Control{name}")

        if text("AllowOrigin"):
            return _as_headers(text, bool(text("AllowCredentials")))
    return None


def _as_headers(text_of: Callable[[str], str | None], credentials: bool) -> Cors:  # noqa: FBT001  # it is a value of a template
    # Here a value is what stands in the header, within quotes: "'GET,POST'".
    def items(key: str) -> tuple[str, ...]:
        text = (text_of(key) or "").strip("'")
        return tuple(item.strip() for item in text.split(",") if item)

    age = (text_of("MaxAge") or "").strip("'")
    return Cors(
        allow_origins=items("AllowOrigin"),
        allow_methods=items("AllowMethods"),
        allow_headers=items("AllowHeaders"),
        allow_credentials=credentials,
        max_age=int(age) if age.isdecimal() else None,
    )
