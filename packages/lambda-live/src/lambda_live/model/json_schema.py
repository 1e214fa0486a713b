"""
JSON Schemas of API models.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn


class InvalidSchemaError(ValueError):
    """The schema itself is invalid."""


def find_violation(schema: str, value: object) -> str | None:
    """Return how a value violates a schema, None if it is valid. Raises InvalidSchemaError."""
    validate = compile_schema(schema)
    try:
        validate(value)
    except ValueError as error:
        return str(error)
    return None


@lru_cache(256)
def compile_schema(schema: str) -> Callable[[object], object]:
    """
    Return a function that raises ValueError for an invalid value.

    Raises:
        InvalidSchemaError: The schema is invalid.
    """
    import fastjsonschema  # noqa: PLC0415  # it takes 30 ms, and few APIs have models

    try:
        validator: Callable[[object], object] = fastjsonschema.compile(
            {"$schema": "http://json-schema.org/draft-04/schema#", **json.loads(schema)},
            handlers=dict.fromkeys(("http", "https"), _raise_external),
            use_default=False,
        )
    except (fastjsonschema.JsonSchemaDefinitionException, re.error, TypeError, ValueError) as error:
        raise InvalidSchemaError(str(error)) from error
    return validator


def _raise_external(uri: str) -> NoReturn:
    message = f"{uri} is not a model of this API"
    raise InvalidSchemaError(message)
