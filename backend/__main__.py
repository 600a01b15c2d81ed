"""`python -m backend`: flags, and the server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn
from pydantic import ValidationError

from backend.app import create_app
from backend.errors import SandboxError
from backend.routes.guard import body_limit
from backend.schema import SandboxReport
from backend.settings import Settings


class Server(uvicorn.Server):
    """uvicorn's server, whose signals are handled here: the sandbox must be closed after the last connection.

    `greet` is called when it serves and can be stopped: a signal that came before its handlers are there would end the
    process in the middle. `before_shutdown` ends the runs first, for whoever follows one would hold up the end until it
    is done.
    """

    def __init__(
        self, config: uvicorn.Config, *, greet: Callable[[], None], before_shutdown: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._greet = greet
        self._before_shutdown = before_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._greet()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of every connection."""
        self._before_shutdown()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM while serving; uvicorn would raise them again before the sandbox is closed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit status: 0 done, 1 cannot start, 2 wrong flags."""
    flags = _flags().parse_args(arguments)
    log_level: str = flags.log_level
    try:
        settings = Settings(**{name: value for name, value in vars(flags).items() if name in Settings.model_fields})
    except ValidationError as error:
        return _refuse(*(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()), status=2)
    if settings.unsafe_local and not _is_loopback(settings.host):
        return _refuse(
            f"--unsafe-local runs snippets without a full sandbox, so it must not listen on {settings.host}",
            "use --host 127.0.0.1, or leave --unsafe-local out",
            status=2,
        )
    logging.basicConfig(level=log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        return _refuse(
            f"cannot listen on {settings.host} port {settings.port}: {(error.strerror or str(error)).lower()}",
            "choose another port with --port (or PORT= with make run); --port 0 takes a free one",
        )
    with listener:
        try:
            asyncio.run(_serve(settings, listener, log_level))
        except SandboxError as error:
            return _refuse(f"the sandbox cannot start: {error.message}", *([error.hint] if error.hint else []))
        except KeyboardInterrupt:
            return 130
    return 0


async def _serve(settings: Settings, listener: socket.socket, log_level: str) -> None:
    """Start the sandbox, say where the page is, serve, close the sandbox."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level=log_level,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=body_limit(settings.code_bytes),
        ws_per_message_deflate=False,  # packed numbers hardly shrink, and every viewer would cost a compression
    )
    async with app.router.lifespan_context(app):
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        greeting = f"Chainrule is at http://{shown}:{port} ({_summary(app.state.serving.sandbox.report)})"
        server = Server(
            config,
            greet=lambda: _say(greeting),
            before_shutdown=app.state.serving.runs.stop,
        )
        gc.collect()
        gc.freeze()  # what is there now stays; walking it again would cost some answers tens of milliseconds
        await server.serve(sockets=[listener])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _summary(report: SandboxReport) -> str:
    """The state of the sandbox in a few words."""
    held = [layer.name for layer in report.layers if layer.held]
    missing = [layer.name for layer in report.layers if not layer.held]
    words = f"sandbox: {', '.join(held) or 'no layer'} held" + (f"; not {', '.join(missing)}" if missing else "")
    return words if report.safe else f"UNSAFE, for your own code only. {words}"


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one."""
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)  # a taken port shows only here when the other one has set SO_REUSEADDR too
    except OSError:
        listener.close()
        raise
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _flags() -> argparse.ArgumentParser:
    """The flags. What is not given comes from the environment, see `Settings`."""
    parser = argparse.ArgumentParser("python -m backend", description="Chainrule: type PyTorch, watch autograd think.")
    unset: Any = argparse.SUPPRESS
    parser.add_argument("--host", default=unset, help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=unset, help="port to listen on; 0 takes a free one (8000)")
    parser.add_argument(
        "--unsafe-local",
        action="store_true",
        default=unset,
        help="start although the sandbox's minimum does not hold; for your own code on your own machine",
    )
    levels = ("critical", "error", "warning", "info", "debug")
    parser.add_argument("--log-level", choices=levels, default="warning", help="how much is logged (warning)")
    return parser


def _refuse(*lines: str, status: int = 1) -> int:
    """Say why not, without a traceback."""
    first, *rest = lines
    sys.stderr.write("\n".join((f"chainrule: {first}", *(f"  {line}" for line in rest))) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
