"""Serves one model on loopback; a child of the desk (`bot/rasa_server.py`).

    nlu/.venv/bin/python nlu/serve.py --model FILE --port N       token in RASA_TOKEN

Like `rasa run --enable-api`, but: without Rasa's chat channels, whose webhook asks for no token; with
the token out of the process list; with a model that cannot be loaded reported by exit code 3 instead
of a server that answers 409 for ever. It ends when its standard input does, so it never outlives the
desk, however the desk ended. It never logs a message's text.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
from pathlib import Path

EXIT_BAD_MODEL = 3
EXIT_PORT_TAKEN = 4


def _end_with_parent() -> None:
    # Not sys.stdin: its lock, held here, would make a normal exit crash.
    while os.read(0, 1024):
        pass
    os._exit(0)


class _Masked(logging.Formatter):
    """Rasa takes its token in the address, and Sanic writes the address of a failed request."""

    def __init__(self, token: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace(self._token, "…")


def main() -> int:
    """Loads the model, then answers until the desk goes; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    token = os.environ.pop("RASA_TOKEN")
    threading.Thread(target=_end_with_parent, daemon=True).start()

    os.environ["LOG_LEVEL"] = os.environ["LOG_LEVEL_LIBRARIES"] = "WARNING"
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import structlog

    # Rasa logs every message's text and entities at debug level, and structlog left alone prints everything.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    import rasa.core.processor
    import rasa.core.run
    from rasa.core.agent import Agent

    from nlu.runner import PlannedRunner

    rasa.core.processor.DaskGraphRunner = PlannedRunner

    handler = logging.StreamHandler()
    handler.setFormatter(_Masked(token))
    for name in ("", "sanic.root", "sanic.error", "sanic.access"):
        log = logging.getLogger(name)
        log.handlers, log.level, log.propagate = [handler], logging.WARNING, False

    try:
        agent = Agent.load(str(options.model))
    except Exception as error:
        print(f"the model cannot be loaded: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_BAD_MODEL
    # The first sentence loads jieba's dictionary and takes a second: not a resident's.
    asyncio.run(agent.parse_message("水管漏水了 the tap is leaking"))
    app = rasa.core.run.configure_app([], auth_token=token, enable_api=True)
    app.ctx.agent = agent
    try:
        app.run(host=options.host, port=options.port, workers=1, access_log=False, debug=False)
    except OSError as error:
        print(f"port {options.port}: {error}", file=sys.stderr)
        return EXIT_PORT_TAKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
