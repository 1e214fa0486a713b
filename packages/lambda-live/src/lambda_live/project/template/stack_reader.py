"""Read a template and its nested stacks, each with the values that its parent passes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.cdk.cloud_assembly import is_manifest
from lambda_live.project.cdk.stacks import application_of
from lambda_live.project.document import Document, Object, Value, load_document
from lambda_live.project.template.application import Application
from lambda_live.project.template.build_output import hint_for_missing
from lambda_live.project.template.discovery import TEMPLATE_NAMES
from lambda_live.project.template.foreach import ForEach
from lambda_live.project.template.stack import NESTED, Resource, Stack
from lambda_live.project.template.stack_context import StackContext

_MAX_DEPTH = 10
_MAX_STACKS = 500
_INCLUDED_SUFFIXES = (".json", ".yaml", ".yml")
_BUILD_FOLDER = ".aws-sam"
_REMOTE = ("s3://", "https://", "http://")


class TemplateFiles:
    """Parses each file of an application once, and records every file that may change it."""

    def __init__(self) -> None:
        self._documents: dict[Path, Document] = {}
        self._paths: dict[Path, None] = {}
        self._stacks = 0

    @property
    def is_full(self) -> bool:
        """Whether there are more stacks than are read."""
        return self._stacks > _MAX_STACKS

    def add(self, *paths: Path) -> None:
        """Record files, even if they do not exist."""
        self._paths |= dict.fromkeys(paths)

    def paths(self) -> tuple[Path, ...]:
        """Return the recorded files."""
        return tuple(self._paths)

    def notices(self) -> Iterator[str]:
        """Yield the notices about the syntax of the files."""
        for document in self._documents.values():
            yield from document.notices

    def load_include(self, template: Path, location: str) -> Object | None:
        """Return the content of an included file, or None if it is not a local file."""
        path = template.parent / location
        if path.suffix.lower() not in _INCLUDED_SUFFIXES or "://" in location:
            return None
        self.add(path)
        if path not in self._documents and path.is_file():
            self._documents[path] = load_document(path, is_included=True)
        found = self._documents.get(path)
        return found.root if found else None

    def load_template(self, path: Path) -> Document:
        """Return the template for one more stack. Raises TemplateError."""
        self.add(path)
        self._stacks += 1
        if path not in self._documents:
            document = load_document(path)
            self._documents[path] = application_of(document) if is_manifest(path) else document
        document = self._documents[path]
        if "Resources" not in document.root:
            document.fail(1, "the template has no Resources", "add Resources: with the functions")
        if self._stacks > _MAX_STACKS:
            problem = f"there are more than {_MAX_STACKS} nested stacks"
            document.fail(1, problem, "serve a nested template by itself")
        return document


class StackReader:
    """Reads one stack, and its nested stacks on demand, because one may use another's outputs."""

    def __init__(
        self,
        files: TemplateFiles,
        path: Path,
        context: StackContext,
        application: Application,
        *parents: Path,
    ) -> None:
        self._files = files
        self._path = path
        self._parents = (path.resolve(), *parents)
        self._context = context
        loops = ForEach(files.load_template(path), context)
        document = loops.expand()
        own_context = replace(
            context,
            nested_output=self._nested_output,
            exported=self._export,
            included=self._include,
        )
        self.stack = Stack(document, own_context, application)
        self.stack.skipped |= {(each.logical_id, each.reason): each for each in loops.skipped}
        self.parameters = document.section("Parameters")
        self._outputs = document.section("Outputs")
        self._nested: dict[str, StackReader | None] = {}

    def read_all(self) -> Iterator[Stack]:
        """Yield this stack, then its nested stacks. Raises TemplateError."""
        yield self.stack
        for resource in self.stack.by_type(*NESTED):
            if (nested := self._nested_stack(resource)) is not None:
                yield from nested.read_all()

    def _include(self, location: str) -> Value:
        return self._files.load_include(self._path, location)

    def _nested_output(self, logical_id: str, output: str) -> Value:
        resource = self.stack.get(logical_id)
        is_nested = resource is not None and resource.type in NESTED
        nested = self._nested_stack(resource) if resource and is_nested else None
        return nested.output(output) if nested else None

    def output(self, name: str) -> Value:
        """Return the value of an output, or None if it is missing."""
        found = self._outputs.get(name)
        value = found.get("Value") if isinstance(found, Object) else None
        return self.stack.intrinsics.resolve(value)

    def _export(self, name: str) -> Value:
        """Return the value that a stack of the application exports, or None."""
        found = self._nested_export(name)
        return self._context.exported(name) if found is None else found

    def _nested_export(self, name: str) -> Value:
        for resource in self.stack.by_type(*NESTED):
            nested = self._nested_stack(resource)
            if nested is not None and (value := nested.exported(name)) is not None:
                return value
        return None

    def exported(self, name: str) -> Value:
        """Return the value that this stack, or one nested in it, exports, or None."""
        for output, found in self._outputs.items():
            match found:
                case {"Export": {"Name": Object() | str() as export}}:
                    if self.stack.intrinsics.resolve(export) == name:
                        return self.output(output)
                case _:
                    continue
        return self._nested_export(name)

    def _nested_stack(self, resource: Resource) -> "StackReader | None":
        if resource.logical_id not in self._nested:
            # A stack that depends on its own outputs gets no value for them.
            self._nested[resource.logical_id] = None
            try:
                self._nested[resource.logical_id] = self._read(resource)
            except (UnsupportedFunctionError, TemplateError) as error:
                if self._files.is_full:
                    raise
                resource.skip(error)
        return self._nested[resource.logical_id]

    def _read(self, resource: Resource) -> "StackReader":
        path = _nested_template(self._path, resource, self._files)
        self._check_nesting(resource, path)
        parameters = resource.properties.section("Parameters")
        name = self.stack.names.id_in_code(resource.logical_id)
        context = StackContext(
            overrides=self._context.overrides_for(name),
            account=self._context.account,
            local_variables=self._context.local_variables,
            path=self._context.qualified_name(name),
            parent_parameter=parameters.value,
            exported=self._export,
            stored=self._context.stored,
        )
        application = self.stack.application
        nested = StackReader(self._files, path, context, application, *self._parents)
        for parameter in parameters.raw:
            if parameter not in nested.parameters:
                problem = f"{path.name} has no parameter {parameter}"
                notice = f"{problem}; remove it, because AWS rejects the template"
                parameters.note(parameter, notice)
        return nested

    def _check_nesting(self, resource: Resource, path: Path) -> None:
        key, properties = NESTED[resource.type], resource.properties
        if path in self._parents:
            problem = f"{resource.logical_id} is nested in itself through {path.name}"
            properties.fail(key, problem, "name another template")
        if len(self._parents) > _MAX_DEPTH:
            problem = f"{resource.logical_id} is nested more than {_MAX_DEPTH} levels deep"
            properties.fail(key, problem, "serve a nested template by itself")


def _nested_template(parent: Path, resource: Resource, files: TemplateFiles) -> Path:
    """
    Return the local file of a nested template, without symbolic links.

    Raises:
        UnsupportedFunctionError: The template is not a local file.
        TemplateError: No template is named, or it does not exist.
    """
    key, location = NESTED[resource.type], _nested_location(resource)
    is_url = location.startswith("file://")
    local = unquote(urlsplit(location).path) if is_url else location
    path = _before_build(parent.parent, Path(local))
    files.add(path)
    try:
        path, is_file = path.resolve(), path.is_file()
    except OSError as error:
        resource.properties.fail(key, f"invalid {key}: {error.strerror}", "name the template")
    files.add(path)
    if not is_file:
        problem = f"{key} is {location!r}, but {path} does not exist"
        otherwise = f"name the template of {resource.logical_id}"
        hint = hint_for_missing(path, parent.parent.resolve(), otherwise)
        resource.properties.fail(key, problem, hint)
    return path


def _before_build(folder: Path, local: Path) -> Path:
    """Return a template as it was before `sam build` and `sam package`, if that file exists."""
    for built in (each for each in local.parents if each.name == _BUILD_FOLDER):
        for name in TEMPLATE_NAMES:
            if (source := folder / built.parent / name).is_file():
                return source
    return folder / local


def _nested_location(resource: Resource) -> str:
    if asset := resource.metadata.text("aws:asset:path"):
        return asset
    key, properties = NESTED[resource.type], resource.properties
    if isinstance(properties.get(key), Object):
        application = properties.section(key).text("ApplicationId")
        place = f"the Serverless Application Repository ({application})"
        message = f"its template is in {place}; name a local template in {key}"
        raise UnsupportedFunctionError(message)
    location = properties.text(key)
    if location is not None and location.startswith(_REMOTE):
        message = f"its template is in S3 ({location}); use the template before packaging"
        raise UnsupportedFunctionError(message)
    location = properties.require_known(key)
    if location is None:
        properties.fail(key, f"{resource.logical_id} has no {key}", "name its template")
    return location
