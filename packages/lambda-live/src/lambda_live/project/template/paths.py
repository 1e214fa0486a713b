"""What API Gateway takes as a path, and as a method, of a route."""

import re

from lambda_live.project.template.properties import Properties
from lambda_live.project.template.references import StandIn

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_PATH = re.compile(r"(/([^/{}?#\s]|\{[\w.:-]+\})*)+(\{[\w.:-]+\+\})?")
_VARIABLE = re.compile(r"\{([^}+]+)\+?\}")


def check_path(given: Properties, key: str, path: str) -> None:
    """
    Refuse what no API takes as a path; what is left is a pattern of paths.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    """
    if isinstance(path, StandIn) or path == "$default":
        return
    instead = "write it like /orders/{id} or /files/{path+}"
    if not _PATH.fullmatch(path):
        given.wrong(key, f"{path!r} is no path of an API", instead)
    names = _VARIABLE.findall(path)
    if len(set(names)) < len(names):
        given.wrong(key, f"a variable is twice in {path!r}", "give each a name of its own")


def method_of(given: Properties, key: str, method: str) -> str:
    """Return the method in capitals, ANY for all. Raises TemplateError."""
    name = method.upper().replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY")
    if name not in (*METHODS, "ANY") and not isinstance(method, StandIn):
        allowed = ", ".join(METHODS)
        given.wrong(key, f"no API has a method {method!r}", f"write ANY or one of {allowed}")
    return name
