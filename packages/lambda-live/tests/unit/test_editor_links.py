"""Which editor the links of the page open."""

from pathlib import Path

import pytest

from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.links import EditorLinks, editor_template

CURSOR = {"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "1"}
WINDSURF = {"TERM_PROGRAM": "vscode", "VSCODE_GIT_ASKPASS_NODE": "/opt/Windsurf/node"}


@pytest.mark.parametrize(
    ("setting", "environ", "url"),
    [
        ("", {}, "vscode://file/a/b%20c.py:7"),
        ("", {"TERM_PROGRAM": "vscode"}, "vscode://file/a/b%20c.py:7"),
        ("", CURSOR, "cursor://file/a/b%20c.py:7"),
        ("", WINDSURF, "windsurf://file/a/b%20c.py:7"),
        (
            "",
            {"TERMINAL_EMULATOR": "JetBrains-JediTerm"},
            "pycharm://open?file=/a/b%20c.py&line=7",
        ),
        ("", {"ZED_TERM": "true"}, "zed://file/a/b%20c.py:7"),
        ("", {"NVIM": "/run/nvim.1"}, "nvim://open?file=/a/b%20c.py&line=7"),
        ("", {"EDITOR": "/usr/bin/nvim"}, "vscode://file/a/b%20c.py:7"),
        ("", {"VISUAL": "cursor --wait"}, "cursor://file/a/b%20c.py:7"),
        ("PyCharm", {"TERM_PROGRAM": "vscode"}, "pycharm://open?file=/a/b%20c.py&line=7"),
        ("nvim", {}, "nvim://open?file=/a/b%20c.py&line=7"),
        ("my://o/{path}#L{line}", {}, "my://o//a/b%20c.py#L7"),
    ],
)
def test_editor_link_opens_the_set_or_detected_editor(
    setting: str, environ: dict[str, str], url: str
) -> None:
    links = EditorLinks(Path("/a"), template=editor_template(setting, environ))

    assert links.link(SourceLocation("/a/b c.py", 7)) == url


def test_unknown_editor_is_an_error() -> None:
    with pytest.raises(ValueError, match="invalid editor 'emacs': write one of vscode, cursor"):
        editor_template("emacs", {})
