#!/usr/bin/env python
"""Read an endless source of images or of scanned forms, and write each item's rows exactly once."""

from __future__ import annotations

import sys

from jobs._cli import run
from jobs._console import open_console
from jobs._stream_options import Stream, StreamOptions, stream_request
from pipelines.streaming.driver import StreamListener
from pipelines.streaming.lines import StatusLines, StatusObjects
from pipelines.streaming.metrics import Address, MeteredListener
from pipelines.streaming.run import read_stream

GRACE_S = 9.5
"""Seconds after SIGTERM: 5 for what is under way, and the rest for Ray to end."""


def main(options: Stream) -> None:
    request = stream_request(options.what)
    read_stream(request, listener(options.what))


def listener(what: StreamOptions) -> StreamListener:
    told = StatusObjects(sys.stdout) if what.progress == "json" else StatusLines(open_console(markup=False))
    return MeteredListener(told, Address.parse(what.metrics)) if what.metrics else told


def command() -> None:
    run(Stream, main, grace=GRACE_S)


if __name__ == "__main__":
    command()
