"""The command `inkray`: each of its commands is a job, and only the libraries of that job are loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import cluster as clusters
import jobs as programs
from inkray import __version__

COMMANDS = {
    "train": "train a reader with Ray Train and publish it to the model store",
    "convert": "make ONNX graphs and TensorRT plans of a trained model",
    "label": "read a folder of images or of scanned forms in bulk, and write a table",
    "stream": "read a folder for ever, as images or scanned forms come, and add to a table",
    "evaluate": "measure how well a model reads",
    "models": "list, show, verify, name and export the models of the store",
    "data": "fetch, convert, look at and draw data sets",
    "template": "draft the template of a form from its blank page, and check it",
    "serve": "answer online",
    "bench": "measure speed and accuracy against named rivals",
    "demo": "fill in forms with a simulated pen and read them, in a minute and without any data",
    "cluster": "run a Ray cluster on this machine",
}


def main() -> None:
    words = sys.argv[1:]
    match words:
        case ["--version"]:
            print(f"inkray {__version__}")
        case [] | ["-h" | "--help"]:
            print(usage())
        case [command, *options] if command in COMMANDS:
            # Where the jobs, and what they use, look for the program's name and its options.
            sys.argv = [f"inkray {command}", *options]
            program(command)()
        case [word, *_]:
            print(f"error: There is no command {word!r}; known: {', '.join(COMMANDS)}.", file=sys.stderr)
            sys.exit(2)


def usage() -> str:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {what}" for name, what in COMMANDS.items())
    return f"usage: inkray [-h] [--version] COMMAND ...\n\ncommands, each with a --help of its own:\n{listed}"


def program(command: str) -> Callable[[], None]:
    if command == "cluster":
        return import_module(f"{clusters.__name__}.local").main
    return import_module(f"{programs.__name__}.{command}").command


if __name__ == "__main__":
    main()
