"""A command as it was typed: what it is, what to await, and with which options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a command is, which decides for whom it may be run.

    One that `lists` shows rows, of `session.show_list` or `session.show`, and has the options of tables; one that
    `streams` prints messages as they come, by `session.show_line`. One that `changes` something is run on more than one
    host or drive with --yes alone. One that is `alone` is for one host, for the reason given there. All others are for
    as many as are named.
    """

    lists: bool = False
    changes: bool = False
    streams: bool = False
    alone: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A command as it was typed: what to await for each host and drive, and with which options."""

    function: Function
    traits: Traits
    options: Mapping[str, Any]
    saved: tuple[str, ...] = ()
    """Options that name a file to write, which several hosts or drives cannot share."""
    read: tuple[str, ...] = ()
    """Options that are a file to read, whose content is for all of them: the function gets it as bytes."""
