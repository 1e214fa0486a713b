"""The links that open a person's editor."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lambda_live.telemetry.source_location import SourceLocation


@dataclass(frozen=True, slots=True)
class Editor:
    """Knows the project's folder here, and as the editor knows it, if that is another."""

    here: Path
    there: str = ""

    def link(self, place: SourceLocation) -> str:
        """Return the link to a place. Source: https://code.visualstudio.com/docs/editor/command-line."""
        path = place.path
        if self.there and Path(path).is_relative_to(self.here):
            path = f"{self.there}/{Path(path).relative_to(self.here)}"
        return f"vscode://file{quote(path)}:{place.line}"

    def to_json(self) -> dict[str, str]:
        """Return it as the page reads it."""
        return {"here": str(self.here), "there": self.there or str(self.here)}
