"""
What a REST API checks of a request before it invokes the function.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-requestmodel.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-request-validators.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from lambda_live.model.json_schema import InvalidSchemaError, compile_schema
from lambda_live.model.template import RequestValidation
from lambda_live.project.document import Array, Object, Value, to_json
from lambda_live.project.template.properties import Properties

_JSON = "application/json"
_VALIDATOR = "x-amazon-apigateway-request-validator"
_PARAMETER_KINDS = {"header": "header", "path": "path", "query": "querystring"}
_EMPTY_MODEL = {"type": "object"}
_MODEL_URL = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]*/models/(\w+)")


def for_event(api: Properties, event: Properties) -> RequestValidation | None:
    """Return what SAM validates for an event."""
    model = event.section("RequestModel")
    name = model.text("Model")
    schemas: dict[str, str] = {}
    if name and model.flag("ValidateBody"):
        models = api.section("Models")
        if name not in models.raw:
            model.fail("Model", f"the API has no model {name!r}", "add it to Models: of the API")
        definitions = {key: _schema(models.value(key)) for key in models.raw}
        root = {"$ref": f"#/definitions/{name}", "definitions": definitions}
        schemas |= _valid(model, "Model", _JSON, root)
    is_checked = model.flag("ValidateParameters")
    return _validation(_required_parameters(event) if is_checked else iter(()), schemas)


def _required_parameters(event: Properties) -> Iterator[str]:
    key, listed = "RequestParameters", event.value("RequestParameters")
    if not isinstance(listed, Array | None):
        event.fail(key, f"{key} must be a list", "write - method.request.header.NAME below it")
    named = (item.items() for item in listed or () if isinstance(item, Object))
    for name, options in chain.from_iterable(named):
        if not isinstance(options, Object):
            event.fail(key, f"{name} in {key} must be a mapping", "write Required: true below it")
        if options.get("Required") == "true":
            yield name.removeprefix("method.request.")


def for_method(method: Properties) -> RequestValidation | None:
    """Return what a CloudFormation method validates."""
    validator = method.resource("RequestValidatorId").properties
    schemas: dict[str, str] = {}
    if validator.flag("ValidateRequestBody"):
        models = method.section("RequestModels")
        for media_type in models.raw:
            schemas |= _valid(models, media_type, media_type, _model_schema(models, media_type))
    required: list[str] = []
    if validator.flag("ValidateRequestParameters"):
        parameters = method.section("RequestParameters")
        required += [key for key in parameters.raw if parameters.flag(key)]
    return _validation((key.removeprefix("method.request.") for key in required), schemas)


def _model_schema(models: Properties, media_type: str) -> dict[str, Any]:
    resolved = {each.logical_id: each for each in models.stack.by_type("AWS::ApiGateway::Model")}
    names = {each.properties.text("Name") or key: key for key, each in resolved.items()}
    definitions: dict[str, Any] = {"Empty": _EMPTY_MODEL}
    for name, key in names.items():
        definitions[name] = definitions[key] = _schema(resolved[key].properties.value("Schema"))
    name = models.reference(media_type) or models.text(media_type) or "Empty"
    if name not in definitions:
        return {}  # a model of another stack
    return {"$ref": f"#/definitions/{name}", "definitions": definitions}


def for_operation(
    body: Properties, path: Properties, operation: Properties
) -> RequestValidation | None:
    """Return what an OpenAPI operation validates."""
    name = operation.text(_VALIDATOR) or body.text(_VALIDATOR)
    validator = body.section(f"{_VALIDATOR}s").section(name or "")
    roots = {key: body.value(key) for key in ("definitions", "components")}
    shared = {key: _schema(value) for key, value in roots.items() if value is not None}
    parameters = [*path.items("parameters"), *operation.items("parameters")]
    schemas: dict[str, str] = {}
    if validator.flag("validateRequestBody"):
        content = operation.section("requestBody").section("content")
        bodies = {key: content.section(key).value("schema") for key in content.raw}
        in_body = (each for each in parameters if each.text("in") == "body")
        bodies.update((_JSON, each.value("schema")) for each in in_body)
        for key, schema in bodies.items():
            root = {**_schema(schema or Object(0)), **shared}
            schemas |= _valid(operation, "requestBody", key, root)
    required: list[str] = []
    if validator.flag("validateRequestParameters"):
        kinds = [(_PARAMETER_KINDS.get(each.text("in") or ""), each) for each in parameters]
        required += [
            f"{kind}.{each.text('name')}" for kind, each in kinds if kind and each.flag("required")
        ]
    return _validation(iter(required), schemas)


def _validation(required: Iterator[str], schemas: Mapping[str, str]) -> RequestValidation | None:
    # AWS lists missing headers first, then path variables, then query parameters.
    parameters = tuple(sorted(required, key=lambda name: name.partition(".")[0]))
    return RequestValidation(parameters, schemas) if parameters or schemas else None


def _valid(
    properties: Properties, key: str, media_type: str, schema: dict[str, Any]
) -> dict[str, str]:
    """Return a schema by its media type. Report an invalid one, and return an empty mapping."""
    text = json.dumps(schema)
    try:
        compile_schema(text)
    except InvalidSchemaError as error:
        hint = "bodies are not validated, fix the model"
        properties.note(key, f"invalid JSON Schema: {error}; {hint}")
        return {}
    return {media_type: text}


def _schema(value: Value) -> Any:
    """Return a JSON Schema, which the template has as a value or as JSON text."""
    text = value if isinstance(value, str) else json.dumps(to_json(value))
    try:
        return json.loads(_MODEL_URL.sub(r"#/definitions/\1", text))
    except ValueError:
        return value
