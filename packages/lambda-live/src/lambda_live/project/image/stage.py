"""One stage of a Dockerfile: what its image has and would start, as far as that is known."""

import copy
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from lambda_live.project.image import commands
from lambda_live.project.image.commands import Installed
from lambda_live.project.image.copied_files import ROOT, Tree, in_context, place_of
from lambda_live.project.image.instructions import Instruction, expanded


@dataclass(slots=True)
class Stage:
    """
    It is `base` with what its instructions add; `line` is where what it starts is said.

    Of its `packages`, which are lines of requirements, one that ends with an option has a file; the
    project's `own` may be meant, too, and it `installs` what may not be listed. What is `undone`
    here is told with its line.
    """

    name: str
    base: str
    line: int
    tree: Tree = field(default_factory=Tree)
    variables: dict[str, str] = field(default_factory=dict)
    workdir: PurePosixPath = ROOT
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    packages: list[tuple[str, Path | None]] = field(default_factory=list)
    own: bool = False
    installs: bool = False
    undone: list[tuple[int, str]] = field(default_factory=list)

    def on_top(self, name: str, line: int) -> "Stage":
        """Return a stage that is built on it."""
        return replace(copy.deepcopy(self), name=name, line=line)

    def leave(self, each: Instruction, what: str) -> None:
        """Note that something of it is not done here."""
        self.undone.append((each.line, what))

    def set_variables(self, each: Instruction, values: Mapping[str, str]) -> None:
        """Follow ENV, in both of its forms."""
        name, _, rest = each.text.partition(" ")
        if "=" not in name:
            self.variables[name] = expanded(rest.strip(), values)
            return
        pairs = (word.partition("=") for word in each.words(values))
        self.variables |= {name: value for name, _, value in pairs}

    def set_started(self, each: Instruction, _: Mapping[str, str]) -> None:
        """Follow CMD and ENTRYPOINT."""
        listed = each.listed()
        words = ["/bin/sh", "-c", each.text] if listed is None else listed
        if each.name == "CMD":
            self.command, self.line = words, each.line
        else:
            self.entrypoint = words

    def set_workdir(self, each: Instruction, values: Mapping[str, str]) -> None:
        """Follow WORKDIR."""
        self.workdir = place_of(self.workdir, " ".join(each.words(values)))

    def run(self, each: Instruction, context: Path, values: Mapping[str, str]) -> None:
        """Follow RUN as far as it installs packages."""
        listed = each.listed()
        script = shlex.join(listed) if listed else re.sub(r"^(?:--\S+\s+)+", "", each.text)
        installed = Installed()
        try:
            for command in commands.read(expanded(each.body or script, values), installed):
                self.leave(each, command)
        except ValueError as error:
            each.wrong(f"RUN can't be read: {error}", "mend the quotes")
        self.own = self.own or installed.own
        self.installs = self.installs or installed.any or installed.own
        self.packages += [(line, None) for line in installed.lines]
        for option, written in installed.files:
            mounted = in_context(context, written) if "--mount" in each.text else None
            found = self.tree.find(place_of(self.workdir, written)) or mounted
            if found is not None and found.is_file():
                self.packages.append((option, found))
            else:
                self.own = True  # something else writes it, of the project's lock most likely
