"""
Checks of a REST API before it invokes a function: API keys, and validation of requests.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

from typing import NoReturn

from lambda_live.http.asgi import Scope, header, media_type
from lambda_live.http.aws_errors import ServiceError
from lambda_live.http.routes import RouteMatch, request_value
from lambda_live.model import strict_json
from lambda_live.model.json_schema import find_violation
from lambda_live.model.template import ApiKeyRequirement
from lambda_live.telemetry.listener import Listener


def check_api_key(
    requirement: ApiKeyRequirement, scope: Scope, authorizer_key: str | None
) -> dict[str, str]:
    """Return the API key's members of `requestContext.identity`. Raises ServiceError."""
    is_in_header = requirement.source == "HEADER"
    key = header(scope, b"x-api-key") if is_in_header else authorizer_key
    if not key or (requirement.keys and key not in requirement.keys):
        raise ServiceError(403, "ForbiddenException", {"message": "Forbidden"})
    return {"apiKey": key, "apiKeyId": requirement.keys.get(key, "local")}


def check_parameters(match: RouteMatch, scope: Scope) -> None:
    """Raise ServiceError if a required parameter is missing or blank."""
    validation = match.route.validation
    required = validation.parameters if validation else ()
    values = {name: request_value(name, match, scope) or "" for name in required}
    if missing := [name for name, value in values.items() if not value.strip()]:
        names = ", ".join(name.partition(".")[2] for name in missing)
        _reject(f"Missing required request parameters: [{names}]")


def check_body(match: RouteMatch, scope: Scope, body: bytes, listener: Listener) -> None:
    """Raise ServiceError if the body violates the schema of its media type."""
    validation = match.route.validation
    kind = media_type(header(scope, b"content-type") or "application/json")
    schema = validation.schemas.get(kind) if validation else None
    if schema is None:
        return
    try:
        violation = find_violation(schema, strict_json.loads(body))
    except ValueError as error:
        violation = f"the body is not JSON: {error}"
    if violation is not None:
        listener.service_log(f"The API returned 400: {violation}", "ERROR")
        _reject("Invalid request body")


def _reject(message: str) -> NoReturn:
    raise ServiceError(400, "BadRequestException", {"message": message})
