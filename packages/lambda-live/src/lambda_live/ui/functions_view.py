"""What the page shows about each function: its URLs, its routes, its settings and its triggers."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from lambda_live.checks.sample_events import sample_event, sample_events, sample_kinds
from lambda_live.functions.function import Function
from lambda_live.model.resources import EventSource, ResourceSpec
from lambda_live.model.template import Route


def function_detail(function: Function, url: str, *, at_root: bool) -> dict[str, object]:
    """
    Return what the page shows about a function.

    `url` reaches the service. `at_root`: it is the function's URL.
    """
    configuration = function.desired_configuration
    name = configuration.name
    function_url = url.replace("://127.0.0.1", f"://{name.lower()}.localhost", 1)
    limit = configuration.concurrency if configuration.has_reserved_concurrency else None
    return {
        "name": name,
        "handler": configuration.handler,
        "runtime": configuration.runtime,
        "python": configuration.interpreter.version,
        "memoryMb": configuration.memory,
        "timeoutSeconds": configuration.timeout,
        "reservedConcurrency": limit,
        "codeFolder": str(configuration.task_root),
        "arn": configuration.arn,
        "environments": function.environments(),
        "url": f"{url if at_root else function_url}/",
        "invokeUrl": f"{url}/2015-03-31/functions/{name}/invocations",
        "routes": [_route(route, url) for route in configuration.routes],
        "triggers": [asdict(each) for each in configuration.triggers],
    }


def _route(route: Route, url: str) -> dict[str, object]:
    stage = "" if route.stage == "$default" else f" (stage {route.stage})"
    return {
        "method": route.method,
        "path": route.path,
        "url": f"{url}{route.path}",
        "api": f"{'REST' if route.is_rest else 'HTTP'} API{stage}",
        "authorizer": route.authorizer and route.authorizer.name,
    }


def samples(
    function: Function, resources: Sequence[ResourceSpec], sources: Sequence[EventSource]
) -> list[dict[str, object]]:
    """Return a sample event for each trigger of a function, then one of each other kind."""
    configuration = function.desired_configuration
    found = [(*each, True) for each in sample_events(configuration, resources, sources)]
    account = configuration.account
    for kind in sample_kinds():
        found += [(kind, sample_event(kind, resources, sources, account), False)]
    return [
        {
            "name": name,
            "event": event if isinstance(event, str) else json.dumps(event, indent=2),
            "isTrigger": is_trigger,
        }
        for name, event, is_trigger in found
    ]
