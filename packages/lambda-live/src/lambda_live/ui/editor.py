"""The links that open a person's editor."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lambda_live.telemetry.source_location import SourceLocation


@dataclass(frozen=True, slots=True)
class EditorLinks:
    """Knows the project's folder here, and as the editor knows it, if that is another."""

    project: Path
    editor_root: str = ""

    def link(self, place: SourceLocation) -> str:
        """Return the link to a place. Source: https://code.visualstudio.com/docs/editor/command-line."""
        path = place.path
        if self.editor_root and Path(path).is_relative_to(self.project):
            path = f"{self.editor_root}/{Path(path).relative_to(self.project)}"
        return f"vscode://file{quote(path)}:{place.line}"

    def to_json(self) -> dict[str, str]:
        """Return it as the page reads it."""
        return {"here": str(self.project), "there": self.editor_root or str(self.project)}
