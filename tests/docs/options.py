"""The options of every command of inkray, as its dataclasses have them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tyro.conf import Positional

from inkray.__main__ import COMMANDS
from tests.docs.programs import parser_of


def all_options() -> dict[str, dict[str, Any]]:
    """For each command, as `inkray models show`, its options and their defaults (`MISSING` for a required one)."""
    return {words: dict(_options(options)) for words, options in _all_leaves()}


def all_helps() -> dict[str, str]:
    """For each command what its help says of it."""
    return {words: options.__doc__ or "" for words, options in _all_leaves()}


def _options(options: type) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(options, include_extras=True)
    for field in dataclasses.fields(options):
        if Positional not in getattr(hints[field.name], "__metadata__", ()):
            yield f"--{field.name.replace('_', '-')}", field.default


def _all_leaves() -> Iterator[tuple[str, type]]:
    for command in COMMANDS:
        for words, options in _leaves(parser_of(command).options, ("inkray", command)):
            yield " ".join(words), options


def _leaves(options: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type]]:
    """Each command that has no further ones, with its dataclass."""
    choice = _commands(options)
    if not choice:
        choice = next(filter(None, map(_commands, get_type_hints(options, include_extras=True).values())), {})
    if not choice:
        yield words, options
    for name, member in choice.items():
        yield from _leaves(member, (*words, name))


def _commands(hint: Any) -> dict[str, type]:
    """The dataclasses of a union by the names that the command line has for them."""
    if get_origin(hint) not in (Union, UnionType):
        return {}
    members = dict(map(_named, get_args(hint)))
    return members if all(map(dataclasses.is_dataclass, members.values())) else {}


def _named(member: Any) -> tuple[str, Any]:
    if get_origin(member) is Annotated:
        return member.__metadata__[0].name, member.__origin__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", member.__name__).lower(), member
