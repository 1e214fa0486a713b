"""
The check of each request's Host and origin, against web pages of other sites.

Listening on loopback does not stop them. A browser on this machine sends requests for any page
that it shows, and a site's name may resolve to 127.0.0.1 (DNS rebinding). Without this check, any
site that a developer visits could invoke functions and read their code. vite (CVE-2025-24010) and
webpack-dev-server (CVE-2025-30359, CVE-2025-30360) had this vulnerability.

A request must name this service in its Host header: by localhost, a name below it, an IP address,
or a configured name. A rebound name can't be one of them. Names without a dot and names of private
zones (`intranet`, `db.internal`, `app.svc.cluster.local`) are rejected, too, because the DNS server
of the network chooses their address. A service in a cluster gets its own names by configuration.

Origin, Referer and Sec-Fetch-* show whether a foreign page sent the request. curl, SDKs and probes
send Host alone, so they pass.

Sources: https://www.w3.org/TR/fetch-metadata/ and https://fetch.spec.whatwg.org/#origin-header
"""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from lambda_live.http.asgi import App, Receive, Scope, Send, header, send
from lambda_live.http.aws_errors import ServiceError, raise_user_error

_MAX_CACHED_NAMES = 256


class OriginPolicy:
    """
    Accepts or rejects Host headers and origins.

    It accepts localhost, names below it and IP addresses. `hosts` adds names; ".example.com" adds
    all subdomains.
    """

    def __init__(self, hosts: tuple[str, ...] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts if not host.startswith("."))
        self._domains = tuple(host.lower() for host in hosts if host.startswith("."))
        # most requests have the same name
        self._is_allowed = lru_cache(_MAX_CACHED_NAMES)(self._is_own_name)

    def check_host(self, scope: Scope) -> None:
        """Raise ServiceError unless the Host header names this service."""
        hosts = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
        if len(hosts) > 1:
            raise_user_error("ValidationException", "A request must have exactly one Host header.")
        name = _name(hosts[0]) if hosts else "localhost"
        if not self._is_allowed(name):
            message = (
                f"Host {name!r} is not allowed. To allow it, start lambda-live with"
                f" --allowed-hosts {name} (or LAMBDA_LIVE_ALLOWED_HOSTS)."
            )
            raise_user_error("AccessDeniedException", message, 403)

    def foreign_origin(self, scope: Scope) -> str | None:
        """Return the origin of the foreign page that sent a request, or None."""
        if _is_navigation(scope):
            return None
        origin = _origin(scope)
        if origin is None:
            cross_site = header(scope, b"sec-fetch-site") == "cross-site"
            return "another site" if cross_site else None
        scheme, authority = _split(origin)
        if scheme in ("http", "https") and authority:
            name = _name(authority)
            if authority == (header(scope, b"host") or "").lower() or self._is_local(name):
                return None
        return origin

    def _is_own_name(self, name: str) -> bool:
        address = _address(name)
        if address is not None:
            return not address.is_unspecified
        return self._is_local(name)

    def _is_local(self, name: str) -> bool:
        address = _address(name)
        if address is not None:
            return address.is_loopback
        is_localhost = name == "localhost" or name.endswith(".localhost")
        return is_localhost or name in self._hosts or name.endswith(self._domains)


class OriginMiddleware:
    """The ASGI middleware that rejects other hosts, and pages of other sites."""

    def __init__(self, app: App, policy: OriginPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Serve one request."""
        try:
            self._policy.check_host(scope)
            if (origin := self._policy.foreign_origin(scope)) is not None:
                raise_foreign_origin(origin)
        except ServiceError as error:
            await send(error.response(), send_message)
        else:
            await self._app(scope, receive, send_message)


def raise_foreign_origin(origin: str) -> None:
    """Raise ServiceError for a page of a foreign origin."""
    raise_user_error(
        "AccessDeniedException", f"Requests from pages of {origin} are not allowed.", 403
    )


def _origin(scope: Scope) -> str | None:
    """Return the Origin header, or the origin in Referer: a GET has no Origin header."""
    origin = header(scope, b"origin")
    referer = header(scope, b"referer")
    if origin is not None or not referer:
        return origin
    return "{}://{}".format(*_split(referer))


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc.lower()


def _name(authority: str) -> str:
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0].removesuffix(".").lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_navigation(scope: Scope) -> bool:
    """Whether a person follows a link, for which `SameSite=Lax` cookies are sent, too."""
    return (
        scope["method"] == "GET"
        and header(scope, b"sec-fetch-mode") == "navigate"
        and header(scope, b"sec-fetch-dest") == "document"
    )
