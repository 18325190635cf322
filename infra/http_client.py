"""One request to the gateway, without proxies and without a library that the standard one has."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from infra.tls import trusting


class HttpAnswer(NamedTuple):
    """A status and the decoded JSON body, or its text where it is no JSON."""

    status: int
    body: Any


class NoAnswer(Exception):
    """Nobody answered in time."""


def request(
    method: str,
    url: str,
    *,
    key: str | None = None,
    body: object = None,
    timeout_s: float = 10.0,
    certificate: Path | None = None,
) -> HttpAnswer:
    """Send a request with a JSON body and return the answer, whatever its status. Raises NoAnswer.

    A server with this very certificate is trusted, whatever its name.
    """
    parts = urlsplit(url)
    headers = {"Accept": "application/json"}
    if key is not None:
        headers["x-api-key"] = key
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection = _connection(parts, timeout_s, certificate)
    except OSError as error:
        raise NoAnswer(f"{certificate} cannot be read ({error.strerror})") from error
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return HttpAnswer(answer.status, _decoded(answer.read()))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise NoAnswer(f"nobody answers at {parts.netloc} ({reason})") from error
    finally:
        connection.close()


def _connection(parts: SplitResult, timeout_s: float, certificate: Path | None) -> http.client.HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    context = None if certificate is None else trusting(certificate)
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
