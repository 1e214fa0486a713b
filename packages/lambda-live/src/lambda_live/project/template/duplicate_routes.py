"""Routes that APIs of different stacks have alike: on AWS each API has an address of its own."""

from collections.abc import Iterator, Sequence

from lambda_live.model.template import FunctionSpec, Route


def told_of(functions: Sequence[FunctionSpec]) -> Iterator[str]:
    """Yield a sentence for each two APIs of which the first gets what is meant for the second."""
    first: dict[tuple[str, str], Route] = {}
    same: dict[tuple[str, str], list[str]] = {}
    for function in functions:
        for route in function.routes:
            winner = first.setdefault((route.method, route.path), route)
            # the order of greedy ones depends on the kind of their API
            alike = winner.is_rest == route.is_rest or "+}" not in route.path
            if winner.api != route.api and alike:
                apis = winner.api, route.api
                same.setdefault(apis, []).append(f"{route.method} {route.path}")
    for (one, other), routes in same.items():
        yield (
            f"{one} and {other} have the same routes, and here the first gets what is sent to them"
            f" ({', '.join(routes)}); call the other's functions by name"
        )
