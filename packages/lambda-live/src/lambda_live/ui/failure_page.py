"""What a browser shows for an error that it meets on a function URL or an API."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from lambda_live.http.asgi import Response, Scope, header
from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.editor import EditorLinks
from lambda_live.ui.history import History
from lambda_live.ui.rows import InvocationRow

_STYLE = """
:root { color-scheme: light dark; --line: #ddd; --raised: #f7f7f5; --dim: #6b6a66; --bad: #c4281c;
  --here: #fdeeec; --link: #2563b8; font: 15px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --line: #34332f; --raised: #21211e; --dim: #9d9b94;
  --bad: #ff7b6e; --here: #3a1f1c; --link: #7fb0f5; background: #181816; color: #ebeae5; } }
body { max-width: 52rem; margin: 12vh auto; padding: 0 1.25rem; }
p { color: var(--dim); } h1 { font-size: 1.3rem; color: var(--bad); overflow-wrap: anywhere; }
a { color: var(--link); } code, pre { font: 13px/1.6 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; padding: .5rem 0; overflow-x: auto; background: var(--raised);
  border: 1px solid var(--line); border-radius: 8px; }
pre span { display: block; padding: 0 1rem; min-width: max-content; }
pre .here { background: var(--here); box-shadow: inset 3px 0 var(--bad); }
pre i { font-style: normal; color: var(--dim); display: inline-block; width: 3.5ch;
  text-align: right; margin-right: 1rem; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class BrowserErrorPages:
    """Makes them of what the journal knows; `page` is the URL of the page of all invocations."""

    def __init__(self, history: History, editor: EditorLinks, page_url: str) -> None:
        self._history = history
        self._editor = editor
        self._page_url = page_url

    def for_browser(
        self, answer: Response, scope: Scope, request_id: str, reason: str = ""
    ) -> Response:
        """
        Return AWS's answer, but for a browser, whose person wants to know more, the page.

        It says `why` if the function's own error is none.
        """
        row = self._history.find_request(request_id)
        if row is None or "text/html" not in (header(scope, b"accept") or ""):
            return answer
        text = "".join(self._render(row, reason, answer.status))
        return Response(answer.status, text.encode("utf-8", "replace"), list(_HEADERS))

    def _render(self, row: InvocationRow, why: str, status: int) -> Iterator[str]:
        title = why or f"{row.report.error_type}: {row.message}"
        yield '<!doctype html><html lang="en"><meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{escape(title[:80])}</title><style>{_STYLE}</style>"
        yield f"<h1>{escape(title)}</h1>"
        if row.location is not None:
            yield from self._render_source(row.location)
        elif why:
            answer = row.response.content[:2000].decode("utf-8", "replace")
            yield f"<pre><span>{escape(answer)}</span></pre>"
        yield f"<p>Request id <code>{row.request_id}</code> · "
        yield f'<a href="{self._page_url}/#{row.request_id}">its event, log and timings</a></p>'
        yield f"<p>A browser sees this page; every other client gets AWS's {status}.</p></html>\n"

    def _render_source(self, place: SourceLocation) -> Iterator[str]:
        where = escape(place.relative_to(self._editor.project))
        yield f'<p><a href="{self._editor.link(place)}"><code>{where}</code></a></p>'
        if place.lines:
            yield "<pre>"
            for number, line in enumerate(place.lines, place.first_line):
                here = ' class="here"' if number == place.line else ""
                yield f"<span{here}><i>{number}</i>{escape(line)}</span>"
            yield "</pre>"
