"""The stacks of one application, and which of its resources refer to its functions."""

import re
from collections.abc import Iterator, Sequence

from lambda_live.model.template import SkippedResource
from lambda_live.project.cdk.asset_source import AssetSourceFinder
from lambda_live.project.template.stack import FUNCTIONS, LAYERS, Resource, Stack

_FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w-]+")


class Application:
    """The stacks of one application, the root first."""

    def __init__(self) -> None:
        self.asset_sources = AssetSourceFinder()
        self.stacks: Sequence[Stack] = ()
        """All stacks, once they are read."""
        self._functions: dict[str, Resource] = {}
        self._referring: dict[str, dict[str, list[Resource]]] = {}

    def __iter__(self) -> Iterator[Resource]:
        return (each for stack in self.stacks for each in stack)

    def by_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types."""
        return (each for each in self if each.type in types)

    def skipped(self) -> Iterator[SkippedResource]:
        """Yield the resources that are not served."""
        return (each for stack in self.stacks for each in stack.skipped.values())

    def layer(self, arn: str) -> Resource | None:
        """Return the layer with this ARN."""
        layers = self.by_type(*LAYERS)
        found = (each for each in layers if each.stack.references.ref(each.logical_id) == arn)
        return next(found, None)

    def function(self, text: str) -> Resource | None:
        """Return the function whose ARN is in a text, such as an integration's URI."""
        arn = _FUNCTION_ARN.search(text)
        return self._functions_by_arn().get(arn[0]) if arn else None

    def referring_to(self, function: Resource, kind: str, key: str) -> Iterator[Resource]:
        """
        Yield the resources of a type, in all stacks, whose property names a function.

        The property has the function's name or its ARN, with or without a qualifier.
        """
        if kind not in self._referring:
            self._referring[kind] = {}
            for each in self.by_type(kind):
                with each.reading():
                    text = each.properties.quiet_text(key)
                    arn = each.stack.names.function_arn(text)
                    self._referring[kind].setdefault(arn, []).append(each)
        yield from self._referring[kind].get(function.arn, ())

    def report_other_functions(self) -> None:
        """Report the aliases, URLs and settings of functions that the application does not have."""
        for found in self._referring.values():
            for arn in found.keys() - self._functions_by_arn().keys():
                for each in found[arn]:
                    name = arn.rpartition(":")[2] or "nothing"
                    problem = f"{each.logical_id} has no effect: {name} is not a function"
                    each.note(f"{problem} of this template; name one of its functions")

    def _functions_by_arn(self) -> dict[str, Resource]:
        if not self._functions:
            for each in self.by_type(*FUNCTIONS):
                with each.reading():  # its name may be invalid
                    self._functions[each.arn] = each
        return self._functions
