"""
The environment variables that a function can be given.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
"""

import re

from lambda_live.model.reserved_variables import RESERVED_VARIABLES
from lambda_live.project.template.properties import Properties

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")


def variables_of(function: Properties) -> dict[str, str]:
    """Return those of the template. Raises TemplateError where AWS refuses one."""
    environment = function.section("Environment")
    section = environment.section("Variables")
    variables = environment.variables("Variables")
    for name in variables:
        if not _NAME.fullmatch(name):
            instead = "write a letter, then letters, digits or _, two at least"
            section.wrong(name, f"{name!r} is no name of an environment variable", instead)
        if name in RESERVED_VARIABLES:
            section.wrong(name, f"{name} is Lambda's own to set", "remove it, or call it otherwise")
    return variables
