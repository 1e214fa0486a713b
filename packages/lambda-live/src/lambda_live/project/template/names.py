"""
What the functions of nested stacks are called where another stack has the same name.

AWS puts the name of its stack before each, and characters that nobody can foresee behind it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from lambda_live.project.template.references import StandIn
from lambda_live.project.template.resources import FUNCTIONS, LAYERS, Resource, Resources

_LONGEST = 64
"""Of a function's name, on AWS."""


def tell_apart(stacks: Sequence[Resources]) -> None:
    """Call each by its path, as `Child-Function`, and tell so; the root's keeps its own name."""
    for kinds in (FUNCTIONS, tuple(LAYERS)):
        named = list(_named(stacks, *kinds))
        taken = Counter(name.lower() for *_, name in named)
        renamed: dict[str, str] = {}
        for resources, resource, name in named:
            if resources.path and taken[name.lower()] > 1 and not _is_given(resource):
                path = resources.full(resources.intrinsics.references.called(resource.logical_id))
                renamed[path] = path.replace("/", "-")[-_LONGEST:].lstrip("-")
                resources.rename(resource.logical_id, renamed[path])
        if renamed and kinds == FUNCTIONS:
            several = ", ".join(f"{path} is called {name}" for path, name in renamed.items())
            stacks[0].note("names", f"Another stack has that name, too: {several}")


def _named(stacks: Sequence[Resources], *kinds: str) -> Iterator[tuple[Resources, Resource, str]]:
    for resources in stacks:
        for each in resources.of(*kinds):
            yield resources, each, resources.name_of(each.logical_id)


def _is_given(resource: Resource) -> bool:
    given = resource.properties.text("FunctionName")
    return given is not None and not isinstance(given, StandIn)
