"""Follow the instructions of a Dockerfile: what each stage contains, installs and starts."""

import copy
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lambda_live.code.code_files import is_code
from lambda_live.model.template_error import TemplateError
from lambda_live.project.image.instructions import (
    Instruction,
    expand_variables,
    read_instructions,
)
from lambda_live.project.image.pip_installs import PipInstalls, read_commands

TASK_ROOT = PurePosixPath("/var/task")
_ROOT = PurePosixPath("/")
_AWS_VARIABLES = {"LAMBDA_TASK_ROOT": str(TASK_ROOT), "LAMBDA_RUNTIME_DIR": "/var/runtime"}
_NOT_AWS = re.compile(r"(?:docker\.io/)?(?:library/)?python[:@].*|scratch")
_WITHOUT_EFFECT = (
    *("EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER"),
    "VOLUME",
)
_INSTALLERS = re.compile(
    r"apk|apt(-get)?|dnf|microdnf|yum|rpm|dpkg|ldconfig|(user|group)add|update-ca-\w+|ln|cp|mv|sed"
)
"""Commands whose files are not put beside a Dockerfile."""

_NOT_DATA = re.compile(
    r".*\.(cfg|dockerfile|ini|lock|md|py|rst|sh|tf|toml|ya?ml)|(cdk|package|template|tsconfig).*"
    r"|(requirements|Dockerfile).*|docs|events|tests|[^.]*file|[A-Z]+"
)
"""Names of files and folders of a project that no program of a Dockerfile writes."""


class Skipped(NamedTuple):
    """An instruction, or a command of RUN, that is not interpreted."""

    line: int
    text: str
    workdir: PurePosixPath
    is_command: bool = False


def _join(workdir: PurePosixPath, path: str) -> PurePosixPath:
    """Resolve a path inside an image; nothing is above its root."""
    return PurePosixPath(posixpath.normpath(workdir / path))


def _in_context(context: Path, path: str) -> Path:
    """Resolve a path inside the build context."""
    return context / _join(_ROOT, path).relative_to(_ROOT)


class CopiedFiles:
    """The files and folders that were copied into an image, in this order."""

    def __init__(self) -> None:
        self._copied: list[tuple[PurePosixPath, Path]] = []
        self._lines: dict[PurePosixPath, int] = {}

    def __iter__(self) -> Iterator[tuple[PurePosixPath, Path]]:
        return iter(self._copied)

    def line_of(self, path: PurePosixPath) -> int:
        """Return the line of the instruction that copied to this path."""
        return self._lines[path]

    def find(self, path: PurePosixPath) -> Path | None:
        """Return the source of a path in the image, or None if it was not copied."""
        for target, source in reversed(self._copied):
            if path.is_relative_to(target):
                found = source / path.relative_to(target)
                if found.exists():
                    return found
        return None

    def copy(self, sources: Sequence[Path], target: str, workdir: PurePosixPath, line: int) -> None:
        """Copy files and the content of folders, as COPY does."""
        path = _join(workdir, target)
        into_folder = len(sources) > 1 or target.endswith(("/", "/.")) or target == "."
        for source in sources:
            below = source.is_file() and (into_folder or self._is_folder(path, source))
            self.add(path / source.name if below else path, source, line)

    def copy_from(
        self, other: "CopiedFiles", source: str, target: str, workdir: PurePosixPath, line: int
    ) -> bool:
        """Copy from another stage, and return whether the source is known."""
        path = _join(_ROOT, source)
        below = [each for each in other if each[0].is_relative_to(path) and each[0] != path]
        found = other.find(path)
        if found is not None:
            self.copy([found], target, workdir, line)
        for each, file in below:
            self.add(_join(workdir, target) / each.relative_to(path), file, line)
        return found is not None or bool(below)

    def below(self, folder: PurePosixPath) -> list[tuple[PurePosixPath, Path]]:
        """Return what is in a folder of the image, with paths relative to it."""
        found = []
        for path, source in self._copied:
            if path.is_relative_to(folder):
                found.append((path.relative_to(folder), source))
            elif folder.is_relative_to(path) and (source / folder.relative_to(path)).is_dir():
                found.append((PurePosixPath(), source / folder.relative_to(path)))
        return found

    def add(self, path: PurePosixPath, source: Path, line: int) -> None:
        """Add a file or folder, which an instruction on this line makes."""
        self._copied.append((path, source))
        self._lines[path] = line

    def _is_folder(self, path: PurePosixPath, source: Path) -> bool:
        # The folders of the base image, and those that a RUN created, are unknown.
        looks_like_folder = bool(source.suffix) and not path.suffix
        return looks_like_folder or any(
            each.is_relative_to(path) and each != path for each, _ in self._copied
        )


@dataclass(slots=True)
class Stage:
    """
    The base image and what the instructions add to it.

    `line` is the line of FROM, `start_line` the line of CMD. `packages` are lines of a requirements
    file; a line that is only an option has the file for it. `installs_project` is set if the
    project's own requirements are installed, `installs_anything` if any packages are. `substitutes`
    are the names of the files beside the Dockerfile that are used in place of what a skipped
    command writes, by the command's line.
    """

    name: str
    base: str
    line: int
    start_line: int
    files: CopiedFiles = field(default_factory=CopiedFiles)
    variables: dict[str, str] = field(default_factory=dict)
    workdir: PurePosixPath = _ROOT
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    packages: list[tuple[str, Path | None]] = field(default_factory=list)
    installs_project: bool = False
    installs_anything: bool = False
    skipped: list[Skipped] = field(default_factory=list)
    substitutes: dict[int, list[str]] = field(default_factory=dict)

    def derive(self, name: str, line: int) -> "Stage":
        """Return a stage that is based on this one."""
        return replace(copy.deepcopy(self), name=name, line=line, start_line=line)

    def skip(self, each: Instruction, text: str) -> None:
        """Record what is not interpreted."""
        self.skipped.append(Skipped(each.line, text, self.workdir, each.name == "RUN"))

    def set_variables(self, each: Instruction, values: Mapping[str, str]) -> None:
        """Apply ENV."""
        name, _, rest = each.text.partition(" ")
        if "=" not in name:
            self.variables[name] = expand_variables(rest.strip(), values)
            return
        pairs = (word.partition("=") for word in each.words(values))
        self.variables |= {name: value for name, _, value in pairs}

    def set_start(self, each: Instruction) -> None:
        """Apply CMD or ENTRYPOINT."""
        exec_form = each.exec_form()
        words = ["/bin/sh", "-c", each.text] if exec_form is None else exec_form
        if each.name == "CMD":
            self.command, self.start_line = words, each.line
        else:
            self.entrypoint = words

    def run(self, each: Instruction, context: Path, values: Mapping[str, str]) -> None:
        """Apply the package installations of RUN."""
        exec_form = each.exec_form()
        script = shlex.join(exec_form) if exec_form else each.without_flags()
        installs = PipInstalls()
        try:
            for command in read_commands(expand_variables(each.body or script, values), installs):
                self.skip(each, command)
        except ValueError as error:
            each.fail(f"invalid RUN: {error}", "fix the quotes")
        self.installs_project |= installs.installs_project
        self.installs_anything |= installs.installs_anything
        self.packages += [(line, None) for line in installs.lines]
        for option, path in installs.files:
            mounted = _in_context(context, path) if "--mount" in each.text else None
            found = self.files.find(_join(self.workdir, path)) or mounted
            if found is not None and found.is_file():
                self.packages.append((option, found))
            else:
                # Another command writes this file, most likely from the project's lock file.
                self.installs_project = True


class DockerfileReader:
    """Follows the instructions of one Dockerfile."""

    def __init__(self, context: Path, file: Path, build_args: Mapping[str, str]) -> None:
        self._context = context
        self._file = file
        self._build_args = build_args
        self._args: dict[str, str] = {}
        self._global_args: dict[str, str] = {}
        self._stages: list[Stage] = []
        self._copied: set[Path] = set()
        self.glob_folders: set[Path] = set()
        """Folders whose new files may be in the image, such as those that a pattern matches."""

    def read(self, target: str | None) -> Stage:
        """Return the target stage, or the last one. Raises TemplateError."""
        for each in read_instructions(self._file):
            self._follow(each)
        if not self._stages:
            raise TemplateError(self._file, 1, "no FROM found", "begin with FROM IMAGE")
        stage = self._find_stage(target) if target else self._stages[-1]
        if stage is None:
            problem = f"no stage is named {target!r}"
            raise TemplateError(self._file, None, problem, "fix the target (DockerBuildTarget)")
        self._add_substitutes(stage)
        return stage

    def _add_substitutes(self, stage: Stage) -> None:
        """Add the files that the user has in place of what a skipped command would write."""
        for skipped in stage.skipped:
            command, *words = skipped.text.split()
            if not skipped.is_command or _INSTALLERS.fullmatch(PurePosixPath(command).name):
                continue
            self.glob_folders.add(self._file.parent)
            names = stage.substitutes.setdefault(skipped.line, [])
            found = list(self._named_files(skipped, words)) or self._data_files(skipped.workdir)
            for target, file in found:
                if stage.files.find(target) is None:
                    stage.files.add(target, file, skipped.line)
                    names.append(file.name)

    def _named_files(
        self, skipped: Skipped, words: list[str]
    ) -> Iterator[tuple[PurePosixPath, Path]]:
        """Yield the existing files that a command names, with their paths in the image."""
        folder = self._file.parent
        for word in words:
            text = re.split("[=>]", word)[-1]
            name = PurePosixPath(text).name
            target = _join(skipped.workdir, name if "://" in text else text)
            below = target.is_relative_to(skipped.workdir)
            relative = target.relative_to(skipped.workdir if below else _ROOT)
            for file in (self._context / relative, folder / relative, folder / name):
                with suppress(OSError, ValueError):  # such as the code of `python -c`
                    if relative.parts and file.exists() and file not in self._copied:
                        yield target, file
                        break

    def _data_files(self, workdir: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
        """Yield the data beside the Dockerfile that it does not copy: a program may write it."""
        for file in sorted(self._file.parent.iterdir()):
            if _NOT_DATA.fullmatch(file.name) or not is_code(file.name) or file == self._file:
                continue
            if file.is_dir() and any(any(file.glob(each)) for each in ("*.py", "*/*.py")):
                continue
            if not any(each.is_relative_to(file) for each in self._copied):
                yield workdir / file.name, file

    def _follow(self, each: Instruction) -> None:  # one branch for each instruction
        if each.name == "FROM":
            self._add_stage(each)
            return
        if each.name == "ARG":
            self._set_args(each)
            return
        if not self._stages:
            each.fail(f"{each.name} before any FROM", "begin with FROM IMAGE")
        stage = self._stages[-1]
        match each.name:
            case "ADD" | "COPY":
                self._copy(each, stage)
            case "RUN":
                stage.run(each, self._context, self._values)
            case "CMD" | "ENTRYPOINT":
                stage.set_start(each)
            case "ENV":
                stage.set_variables(each, self._values)
            case "WORKDIR":
                stage.workdir = _join(stage.workdir, " ".join(each.words(self._values)))
            case name if name not in _WITHOUT_EFFECT:
                each.fail(f"unknown instruction {name}", "fix the name")

    @property
    def _values(self) -> dict[str, str]:
        return self._args | (self._stages[-1].variables if self._stages else {})

    def _find_stage(self, name: str) -> Stage | None:
        by_number = {str(number): each for number, each in enumerate(self._stages)}
        return (by_number | {each.name: each for each in self._stages}).get(name.lower())

    def _add_stage(self, each: Instruction) -> None:
        if not self._stages:
            self._global_args = self._args
        base, *rest = each.words(self._global_args) or [""]
        if not base:
            each.fail("FROM names no image", "give its ARG a value, here or in DockerBuildArgs")
        name = rest[1].lower() if len(rest) > 1 and rest[0].lower() == "as" else ""
        self._args = {}
        if (parent := self._find_stage(base)) is not None:
            self._stages.append(parent.derive(name, each.line))
            return
        stage = Stage(name, base, each.line, each.line)
        if not _NOT_AWS.fullmatch(base):
            stage.variables, stage.workdir = dict(_AWS_VARIABLES), TASK_ROOT
        self._stages.append(stage)

    def _set_args(self, each: Instruction) -> None:
        for word in each.words(self._values):
            name, has_default, default = word.partition("=")
            inherited = default if has_default else self._global_args.get(name)
            value = self._build_args.get(name, inherited)
            if value is not None:
                self._args[name] = value

    def _copy(self, each: Instruction, stage: Stage) -> None:
        *sources, target = each.words(self._values) or [""]
        if each.body or not sources:
            stage.skip(each, f"{each.name} {target}")
        elif (origin := each.flags().get("from")) is not None:
            self._copy_from(expand_variables(origin, self._values), each, sources, target)
        else:
            found = [path for source in sources for path in self._find_sources(source, each)]
            stage.files.copy(found, target, stage.workdir, each.line)

    def _copy_from(self, origin: str, each: Instruction, sources: list[str], target: str) -> None:
        stage, other = self._stages[-1], self._find_stage(origin)
        if other is None:
            stage.skip(each, f"COPY --from={origin} {' '.join(sources)}")
            return
        self._add_substitutes(other)
        stage.substitutes |= other.substitutes
        for source in sources:
            path = str(other.workdir / source)
            is_known = stage.files.copy_from(other.files, path, target, stage.workdir, each.line)
            if not is_known and not other.installs_anything:
                stage.skip(each, f"COPY --from={origin} {source}")
        stage.packages += other.packages
        stage.installs_project |= other.installs_project

    def _find_sources(self, source: str, each: Instruction) -> Iterator[Path]:
        path = _in_context(self._context, source)
        if re.search(r"[*?\[]", source):
            found = sorted(self._context.glob(str(path.relative_to(self._context))))
            self.glob_folders |= {path.parent for path in found}
        else:
            found = [path] if path.exists() else []
        if not found:
            self._stages[-1].skip(each, f"{each.name} {source}")
        self._copied.update(found)
        yield from found
