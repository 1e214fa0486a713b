"""A template and those that are nested in it, each as its parent has it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.template.document import Object, Value
from lambda_live.project.template.files import Files
from lambda_live.project.template.foreach import Loops
from lambda_live.project.template.nested import template_of
from lambda_live.project.template.resources import NESTED, Resource, Resources
from lambda_live.project.template.stack_context import Surroundings

_DEEPEST = 10


class Stack:
    """One of them; those in it are read when they are asked for, since each may need another."""

    def __init__(self, files: Files, path: Path, given: Surroundings, *above: Path) -> None:
        self._files = files
        self._path = path
        self._above = (path.resolve(), *above)
        self._given = given
        loops = Loops(files.load(path), given)
        document = loops.written_out()
        self.left_out = loops.left_out
        own = replace(given, outputs=self._output_of, exports=self._export, included=self._included)
        self.resources = Resources(document, own)
        self._parameters = document.section("Parameters")
        self._outputs = document.section("Outputs")
        self._nested: dict[str, Stack | None] = {}

    def all(self) -> Iterator["Stack"]:
        """Return this one, then those in it. Raises TemplateError."""
        yield self
        for resource in self.resources.of(*NESTED):
            if (nested := self._stack(resource)) is not None:
                yield from nested.all()

    def _included(self, location: str) -> Value:
        return self._files.included(self._path, location)

    def _output_of(self, logical_id: str, output: str) -> Value:
        resource = self.resources.get(logical_id)
        nested = self._stack(resource) if resource and resource.type in NESTED else None
        return nested.output(output) if nested else None

    def output(self, name: str) -> Value:
        """Return the value of one of its outputs; None if there is none."""
        found = self._outputs.get(name)
        value = found.get("Value") if isinstance(found, Object) else None
        return self.resources.intrinsics.resolve(value)

    def _export(self, name: str) -> Value:
        """Return what a stack in this one exports, or one beside it; None if there is none."""
        found = self._exported_within(name)
        return self._given.exports(name) if found is None else found

    def _exported_within(self, name: str) -> Value:
        for resource in self.resources.of(*NESTED):
            nested = self._stack(resource)
            if nested is not None and (value := nested.exported(name)) is not None:
                return value
        return None

    def exported(self, name: str) -> Value:
        """Return what it, or one in it, exports by that name; None if none does."""
        for output, found in self._outputs.items():
            match found:
                case {"Export": {"Name": Object() | str() as given}}:
                    if self.resources.intrinsics.resolve(given) == name:
                        return self.output(output)
                case _:
                    continue
        return self._exported_within(name)

    def takes(self, parameter: str) -> bool:
        """Whether its parent may give it that parameter."""
        return parameter in self._parameters

    def _stack(self, resource: Resource) -> "Stack | None":
        if resource.logical_id not in self._nested:
            # one that needs, to be read, what it itself puts out, can't know it
            self._nested[resource.logical_id] = None
            try:
                self._nested[resource.logical_id] = self._read(resource)
            except UnsupportedFunctionError as error:
                self.left_out.append(self.resources.left_out(resource, str(error)))
        return self._nested[resource.logical_id]

    def _read(self, resource: Resource) -> "Stack":
        path = template_of(self._path, resource, self._files)
        self._check_nesting(resource, path)
        parameters = resource.properties.section("Parameters")
        called = self.resources.intrinsics.references.called(resource.logical_id)
        given = Surroundings(
            overrides=self._given.overrides_of(called),
            region=self._given.region,
            path=self._given.full(called),
            given=parameters.value,
            exports=self._export,
        )
        stack = Stack(self._files, path, given, *self._above)
        for name in (name for name in parameters.raw if not stack.takes(name)):
            place = f"{self._path}:{parameters.line(name)}"
            sentence = f"{place}: {path.name} has no parameter {name}, and AWS refuses it"
            self.resources.note(place, sentence)
        return stack

    def _check_nesting(self, resource: Resource, path: Path) -> None:
        key, properties = NESTED[resource.type], resource.properties
        if path in self._above:
            what = f"{resource.logical_id} is nested in itself, by {path.name}"
            properties.wrong(key, what, "name another template")
        if len(self._above) > _DEEPEST:
            what = f"{resource.logical_id} is nested more than {_DEEPEST} deep"
            properties.wrong(key, what, "serve a template that is deeper itself")
