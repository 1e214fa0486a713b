"""Parse a YAML or JSON template into values that know their line numbers."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from lambda_live.model.template_error import Line, TemplateError, place_of, read_text

type Value = str | Object | Array | None
"""A scalar is the text as written. CloudFormation also accepts `MemorySize: "512"`."""


class Literal(str):
    """A number or boolean, as written. CloudFormation reads it as text, except in JSON."""

    __slots__ = ()


class Object(dict[str, Value]):
    """A mapping that knows the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def put(self, key: str, value: Value, line: int) -> None:
        """Set a key that is written on this line."""
        self[key] = value
        self.lines[key] = line

    def line_of(self, key: str) -> int:
        """Return the line of the key, or the line of the mapping if the key is missing."""
        return self.lines.get(key, self.line)


class Array(list[Value]):
    """A sequence that knows its first line."""

    __slots__ = ("line",)

    def __init__(self, line: int, items: Iterable[Value] = ()) -> None:
        super().__init__(items)
        self.line = line


def to_json(value: Value) -> Any:
    """Return a value as data for `json.dumps`, with its numbers and booleans."""
    if isinstance(value, Object):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, Array):
        return [to_json(item) for item in value]
    return json.loads(value) if isinstance(value, Literal) else value


@dataclass(frozen=True, slots=True)
class Document:
    """One template file."""

    path: Path
    root: Object
    notices: tuple[str, ...] = ()

    def fail(self, line: int | None, problem: str, hint: str) -> NoReturn:
        """Raise a TemplateError for this file."""
        raise TemplateError(self.path, line, problem, hint)

    def section(self, name: str) -> Object:
        """Return a top-level section, empty if it is missing."""
        section = self.root.get(name)
        if section is None:
            return Object(self.root.line)
        if not isinstance(section, Object):
            self.fail(
                self.root.line_of(name), f"{name} must be a mapping", "write NAME: … below it"
            )
        return section


def load_document(path: Path, *, is_included: bool = False) -> Document:
    """Read a YAML or JSON template. Raises TemplateError, also if it is not a mapping."""
    text = read_text(path, "check the path and its permissions")
    reader = _Reader(path, is_included=is_included)
    try:
        root = reader.value(_parse(text))
    except yaml.YAMLError as error:
        raise syntax_error(path, text, error) from error
    except RecursionError:
        problem = "an alias contains itself, or the values are nested too deeply"
        raise TemplateError(path, 1, problem, "remove the alias, or use fewer levels") from None
    if not isinstance(root, Object):
        raise TemplateError(path, 1, "a template must be a mapping", "begin with Resources:")
    for name in _OPTIONAL_SECTIONS:
        if not isinstance(root.get(name), Object | None):
            problem = f"{place_of(path, root.line_of(name))}: {name} must be a mapping"
            reader.notices[f"{problem}; it is ignored, write NAME: … below it"] = None
            del root[name]
    return Document(path, root, tuple(reader.notices))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OPTIONAL_SECTIONS = ("Conditions", "Globals", "Mappings", "Outputs", "Parameters")
_SURROGATES = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)


def _parse(text: str) -> yaml.Node | None:
    if text.lstrip().startswith("{"):
        # JSON is YAML, except that YAML has no surrogate pairs.
        text = _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)
    return _LOADER(text).get_single_node()


def load_table(file: Path) -> Any:
    """Return the values of a YAML file that is part of this package."""
    return yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506  # a safe one


def syntax_error(path: Path, text: str, error: yaml.YAMLError) -> TemplateError:
    """Return a syntax error of a YAML file, with its line."""
    if conflict := re.search("^<<<<<<< ", text, re.MULTILINE):
        at = text.count("\n", 0, conflict.start()) + 1
        return TemplateError(path, at, "a merge conflict is not resolved", "resolve it")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else None
    lines = (text.splitlines() or [""])[mark.line : mark.line + 1] if mark else []
    if any("\t" in text[: len(text) - len(text.lstrip())] for text in lines):
        return TemplateError(path, line, "the line is indented with a tab", "use spaces")
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return TemplateError(path, line, f"invalid YAML: {problem}", "fix the syntax")


_STANDARD = "tag:yaml.org,2002:"
_TRUE = ("true", "yes", "on")
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


_MAX_VALUES = 300_000
"""CloudFormation accepts 1 MB; aliases of aliases multiply without a limit."""


class _Reader:
    def __init__(self, path: Path, *, is_included: bool) -> None:
        self._path = path
        self._is_included = is_included
        self._count = 0
        self.notices: dict[str, None] = {}

    def _line(self, node: yaml.Node) -> int:
        number: int = node.start_mark.line + 1
        if not self._is_included:
            return number
        line = Line(number)
        line.file = self._path
        return line

    def value(self, node: yaml.Node | None) -> Value:
        if node is None:
            return None
        self._count += 1
        if self._count > _MAX_VALUES:
            problem = f"the template has more than {_MAX_VALUES:,} values"
            raise TemplateError(self._path, self._line(node), problem, "use fewer aliases (*NAME)")
        value = self._untagged(node)
        if node.tag.startswith(_STANDARD) or not node.tag.removeprefix("!"):
            return value
        line = self._line(node)
        call = Object(line)
        call.put(*_intrinsic(node.tag.removeprefix("!"), value, line), line)
        return call

    def _untagged(self, node: yaml.Node) -> Value:
        match node:
            case yaml.MappingNode():
                return self._object(node)
            case yaml.SequenceNode():
                return Array(self._line(node), map(self.value, node.value))
            case _:
                return _scalar(self._path, node)

    def _object(self, node: yaml.MappingNode) -> Object:
        result = Object(self._line(node))
        for key, value in node.value:
            line = self._line(key)
            if key.tag == f"{_STANDARD}merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise TemplateError(self._path, line, "a key must be text", "write NAME: …")
            if key.value in result:
                first = result.lines[key.value]
                problem = f"duplicate key {key.value}, first on line {first}"
                hint = "the last one is used, remove the other"
                self.notices[f"{place_of(self._path, line)}: {problem}; {hint}"] = None
            result.put(key.value, self.value(value), line)
        for merged in self._merged(node):
            for name in merged.keys() - result.keys():
                result.put(name, merged[name], merged.lines[name])
        return result

    def _merged(self, node: yaml.MappingNode) -> Iterator[Object]:
        for key, value in node.value:
            if key.tag == f"{_STANDARD}merge":
                nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
                yield from (
                    self._object(each) for each in nodes if isinstance(each, yaml.MappingNode)
                )


def _scalar(path: Path, node: yaml.Node) -> str | None:
    text = str(node.value)
    if "\0" in text:
        line = node.start_mark.line + 1
        raise TemplateError(path, line, "a value contains a NUL character", "remove it")
    if node.tag == f"{_STANDARD}null":
        return None
    if node.tag == f"{_STANDARD}bool":
        return Literal("true" if text.lower() in _TRUE else "false")
    is_number = node.tag in (f"{_STANDARD}int", f"{_STANDARD}float")
    return Literal(text) if is_number and _JSON_NUMBER.fullmatch(text) else text


def _intrinsic(tag: str, value: Value, line: int) -> tuple[str, Value]:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    if tag in ("Ref", "Condition"):
        return tag, value
    if tag == "GetAtt" and isinstance(value, str):
        return "Fn::GetAtt", Array(line, value.split(".", 1))
    return f"Fn::{tag}", value
