"""Serving the page to this computer alone, with nothing left on the disk and nothing asked of a network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actupose.app.html import asset
from actupose.app.page import Session, build_page
from actupose.errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
_OURS = {HOST, "localhost"}
_VISITORS, _WAITING = 16, 16
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; frame-ancestors 'none'"


class OwnPageOnly:
    """Lets through what this computer's browser asks from the page itself.

    Another site that the browser has open could otherwise post files here, or reach the page under a name of its own.

    Args:
        app: what answers the rest.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if headers.get("host", "").rsplit(":", 1)[0] not in _OURS or (
            origin and origin.removeprefix("http://") != headers.get("host")
        ):
            await PlainTextResponse("only for the page itself", 403)(scope, receive, send)
            return

        async def with_policy(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = _POLICY
            await send(message)

        await self._app(scope, receive, with_policy)


@contextmanager
def serving(session: Session, port: int | None = None) -> Iterator[tuple[str, Any]]:
    """The page, served while the context lasts.

    Args:
        session: what the page shows.
        port: None = the first free one from 7860 on.

    Yields:
        Its address, and Gradio's page, to wait for its end.

    Raises:
        UserError: Gradio is not installed, or the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="actupose_app_") as folder, _environment(folder):
        try:
            import gradio
            from starlette.middleware import Middleware
        except ImportError as error:
            raise UserError("the page needs Gradio; pip install actupose[app].") from error
        page = build_page(session).queue(max_size=_WAITING, default_concurrency_limit=1)
        try:
            _, url, _ = page.launch(
                server_name=HOST,
                server_port=port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                max_file_size=session.limits.megabytes << 20,
                state_session_capacity=_VISITORS,
                footer_links=[],
                run_history=False,
                ssr_mode=False,
                enable_monitoring=False,
                mcp_server=False,
                theme=gradio.themes.Default(font="system-ui", font_mono="ui-monospace"),
                css=asset("style.css"),
                app_kwargs={"middleware": [Middleware(OwnPageOnly)]},
            )
        except OSError as error:
            raise UserError(f"port {port}: cannot be used ({error}); name another --port.") from error
        try:
            yield url, page
        finally:
            page.close(verbose=False)


@contextmanager
def _environment(folder: str) -> Iterator[None]:
    """Gradio's settings that are read from the environment, the first of them at its import."""
    wanted = {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
