"""
Links that open a file in the developer's editor.

Each editor has a URL of its own. `--editor` sets it, by name or as a template with `{path}` and
`{line}`. Otherwise it is the editor in whose terminal the service was started.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lambda_live.telemetry.source_location import SourceLocation

EDITORS = {
    # https://code.visualstudio.com/docs/configure/command-line#_opening-vs-code-with-urls
    "vscode": "vscode://file{path}:{line}",
    "cursor": "cursor://file{path}:{line}",
    "windsurf": "windsurf://file{path}:{line}",
    # https://zed.dev/docs/reference/cli
    "zed": "zed://file{path}:{line}",
    "pycharm": "pycharm://open?file={path}&line={line}",
    "neovim": "nvim://open?file={path}&line={line}",
}
"""URL templates. Neovim needs a handler for `nvim://`: see docs/editors-and-agents.md."""

_COMMANDS = {
    **{name: name for name in EDITORS},
    "code": "vscode",
    "nvim": "neovim",
    "charm": "pycharm",
}
_TERMINAL_EDITORS = ("nvim", "neovim")


def editor_template(setting: str, environ: Mapping[str, str]) -> str:
    """
    Return the URL template of the editor that is set, or else of the editor that is detected.

    Raises:
        ValueError: The setting is neither a known name nor a template.
    """
    if not setting:
        name = next((name for name in _detected(environ) if name in EDITORS), "vscode")
        return EDITORS[name]
    if (name := _COMMANDS.get(setting.lower(), "")) in EDITORS:
        return EDITORS[name]
    if "{path}" not in setting or ":" not in setting:
        names = ", ".join(EDITORS)
        message = f"invalid editor {setting!r}: write one of {names}, or a URL with {{path}}"
        raise ValueError(message)
    return setting


def _detected(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of editors, the most certain first."""
    vscode_path = environ.get("VSCODE_GIT_ASKPASS_NODE", "").lower()
    if environ.get("TERM_PROGRAM") == "vscode" or vscode_path:
        is_cursor = "CURSOR_TRACE_ID" in environ or "cursor" in vscode_path
        yield "cursor" if is_cursor else "windsurf" if "windsurf" in vscode_path else "vscode"
    if environ.get("TERMINAL_EMULATOR") == "JetBrains-JediTerm":
        yield "pycharm"
    if "ZED_TERM" in environ or environ.get("TERM_PROGRAM") == "zed":
        yield "zed"
    if "NVIM" in environ:
        yield "neovim"
    for variable in ("VISUAL", "EDITOR"):
        command = environ.get(variable, "").split(" ")[0].rpartition("/")[2]
        if command not in _TERMINAL_EDITORS:  # many use one for commits, and another for code
            yield _COMMANDS.get(command, "")


@dataclass(frozen=True, slots=True)
class EditorLinks:
    """
    Builds links that open a file in an editor.

    `project` is the project's folder as this process sees it. `editor_root` is the same folder on
    the developer's machine; set it if the service runs in a container.
    """

    project: Path
    editor_root: str = ""
    template: str = EDITORS["vscode"]

    def link(self, location: SourceLocation) -> str:
        """Return the URL of a location."""
        path = location.path
        if self.editor_root and Path(path).is_relative_to(self.project):
            path = f"{self.editor_root}/{Path(path).relative_to(self.project)}"
        filled = self.template.replace("{path}", quote(path))
        return filled.replace("{line}", str(location.line))

    def to_json(self) -> dict[str, str]:
        """Return the fields from which the page builds its links."""
        project = str(self.project)
        return {
            "project": project,
            "editorRoot": self.editor_root or project,
            "template": self.template,
        }
