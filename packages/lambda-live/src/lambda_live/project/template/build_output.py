"""Say how to create a missing file or folder that a build writes."""

import re
from pathlib import Path

from lambda_live.model.text_files import text_or_empty

_TOOLS = {
    ".aws-sam": "sam build",
    ".chalice": "chalice package",
    ".serverless": "sls package",
    "cdk.out": "cdk synth",
}
_FOLDERS = frozenset((".build", "artifacts", "build", "bundle", "dist", "out", "package", "target"))
_MAKE_TARGET = re.compile(r"^(build|package|dist)\s*:", re.MULTILINE)
_NPM_SCRIPT = re.compile(r'"(build|package|bundle)"\s*:')
_SCRIPTS = ("build.sh", "scripts/build", "scripts/build.sh", "bin/build")


def hint_for_missing(path: Path, project: Path, otherwise: str) -> str:
    """Return how to create a path of a project: the command of its build, if it has one."""
    names = path.parts[len(project.parts) :] if path.is_relative_to(project) else path.parts
    for name in names:
        if name in _TOOLS:
            return f"run `{_TOOLS[name]}` first"
    if not _FOLDERS.intersection(names) and path.suffix != ".zip":
        return otherwise
    return f"it looks like a build's output; run {_build_of(project)} first"


def _build_of(project: Path) -> str:
    for file, pattern, program in (
        ("Makefile", _MAKE_TARGET, "make"),
        ("package.json", _NPM_SCRIPT, "npm run"),
    ):
        if found := pattern.search(text_or_empty(project / file)):
            return f"`{program} {found[1]}`"
    script = next((each for each in _SCRIPTS if (project / each).is_file()), None)
    return f"`{script}`" if script else "the project's build"
