"""The stages of a Dockerfile, and what each has, without building any."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from lambda_live.model.template_error import TemplateError
from lambda_live.project.image.copied_files import in_context
from lambda_live.project.image.instructions import Instruction, expanded, instructions_of
from lambda_live.project.image.stage import Stage

TASK_ROOT = PurePosixPath("/var/task")
_AWS = {"LAMBDA_TASK_ROOT": str(TASK_ROOT), "LAMBDA_RUNTIME_DIR": "/var/runtime"}
_NOT_AWS = re.compile(r"(?:docker\.io/)?(?:library/)?python[:@].*|scratch")
_OF_STAGE = {
    "CMD": Stage.set_started,
    "ENTRYPOINT": Stage.set_started,
    "ENV": Stage.set_variables,
    "WORKDIR": Stage.set_workdir,
}
_IGNORED = (
    *("EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER"),
    "VOLUME",
)


class Build:
    """Follows the instructions, each stage's on top of what it is built on."""

    def __init__(self, context: Path, file: Path, given: Mapping[str, str]) -> None:
        """`given` are the build's arguments."""
        self._context = context
        self._file = file
        self._given = given
        self._arguments: dict[str, str] = {}
        self._global: dict[str, str] = {}
        self._stages: list[Stage] = []
        self.globbed: set[Path] = set()
        """Folders of which a pattern chooses files: others may come."""

    def stage(self, target: str | None) -> Stage:
        """
        Return the stage that is the image: the target, or else the last.

        Raises:
            TemplateError: The Dockerfile can't be followed.
        """
        for each in instructions_of(self._file):
            self._follow(each)
        if not self._stages:
            raise TemplateError(self._file, 1, "it has no FROM", "begin with FROM IMAGE")
        stage = self._named(target) if target else self._stages[-1]
        if stage is None:
            wrong = f"no stage of it is called {target!r}"
            raise TemplateError(self._file, None, wrong, "mend the target, DockerBuildTarget")
        return stage

    def _follow(self, each: Instruction) -> None:
        if each.name == "FROM":
            self._begin(each)
        elif each.name == "ARG":
            self._argument(each)
        elif not self._stages:
            each.wrong(f"{each.name} comes before any FROM", "begin with FROM IMAGE")
        elif each.name in ("ADD", "COPY"):
            self._copy(each, self._stages[-1])
        elif each.name == "RUN":
            self._stages[-1].run(each, self._context, self._values)
        elif each.name in _OF_STAGE:
            _OF_STAGE[each.name](self._stages[-1], each, self._values)
        elif each.name not in _IGNORED:
            each.wrong(f"{each.name} is no instruction of a Dockerfile", "mend the name")

    @property
    def _values(self) -> dict[str, str]:
        return self._arguments | (self._stages[-1].variables if self._stages else {})

    def _named(self, name: str) -> Stage | None:
        numbered = {str(number): each for number, each in enumerate(self._stages)}
        return (numbered | {each.name: each for each in self._stages}).get(name.lower())

    def _begin(self, each: Instruction) -> None:
        if not self._stages:
            self._global = self._arguments
        base, *rest = each.words(self._global) or [""]
        if not base:
            each.wrong("FROM names no image", "give its ARG a value, in DockerBuildArgs or here")
        name = rest[1].lower() if len(rest) > 1 and rest[0].lower() == "as" else ""
        self._arguments = {}
        if (parent := self._named(base)) is not None:
            self._stages.append(parent.on_top(name, each.line))
            return
        stage = Stage(name, base, each.line)
        if not _NOT_AWS.fullmatch(base):
            stage.variables, stage.workdir = dict(_AWS), TASK_ROOT
        self._stages.append(stage)

    def _argument(self, each: Instruction) -> None:
        for word in each.words(self._values):
            name, is_given, default = word.partition("=")
            inherited = default if is_given else self._global.get(name)
            value = self._given.get(name, inherited)
            if value is not None:
                self._arguments[name] = value

    def _copy(self, each: Instruction, stage: Stage) -> None:
        *sources, to = each.words(self._values) or [""]
        if each.body or not sources:
            stage.leave(each, f"{each.name} {to}")
        elif (origin := each.flags().get("from")) is not None:
            self._copy_from(expanded(origin, self._values), each, sources, to)
        else:
            found = [path for source in sources for path in self._in_context(source, each)]
            stage.tree.put(found, to, stage.workdir)

    def _copy_from(self, origin: str, each: Instruction, sources: list[str], to: str) -> None:
        stage, other = self._stages[-1], self._named(origin)
        if other is None:
            stage.leave(each, f"COPY --from={origin} {' '.join(sources)}")
            return
        for source in sources:
            known = stage.tree.put_of(other.tree, str(other.workdir / source), to, stage.workdir)
            if not known and not other.installs:
                stage.leave(each, f"COPY --from={origin} {source}")
        stage.packages += other.packages
        stage.own = stage.own or other.own

    def _in_context(self, written: str, each: Instruction) -> Iterator[Path]:
        path = in_context(self._context, written)
        if re.search(r"[*?\[]", written):
            found = sorted(self._context.glob(str(path.relative_to(self._context))))
            self.globbed |= {path.parent for path in found}
        else:
            found = [path] if path.exists() else []
        if not found:
            self._stages[-1].leave(each, f"{each.name} {written}")
        yield from found
