"""Classes of the user's, as a source's file names them: ``python:package.module:Class``.

Invariant: whatever keeps one from being used is a ConfigurationError that says where it was looked for and what to do.
A module is imported when a stream is about to be crawled, and not when its file is listed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from datasync_spider.errors import ConfigurationError

PYTHON = "python:"
"""What stands before the place of a class."""

_PLACE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_place(text: str) -> bool:
    """Whether it is of the form ``package.module:Class``."""
    return _PLACE.fullmatch(text) is not None


def make_instance(place: str, *arguments: object, methods: tuple[str, ...], protocol: str) -> Any:
    """What the class at the place makes of the arguments. Raises ConfigurationError.

    ``methods``: what it must have; ``protocol``: where that is written down.
    """
    made = _made(place, load(place), arguments)
    missing = [name for name in methods if not callable(getattr(made, name, None))]
    if missing:
        lacking = " and ".join(missing)
        raise ConfigurationError(f"{PYTHON}{place}: the class has no method {lacking}: write what {protocol} says")
    return made


def load(place: str) -> Callable[..., Any]:
    """The class itself. Raises ConfigurationError."""
    module_name, _, name = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"{PYTHON}{place}: there is no module {error.name}: it must lie where Python finds it, such as beside"
                " scrapy.cfg"
            ) from None
        raise _failed(place, f"the module {module_name} cannot be imported", error) from error
    except Exception as error:
        raise _failed(place, f"the module {module_name} cannot be imported", error) from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        what = "has no such class" if found is None else f"has something else than a class called {name}"
        raise ConfigurationError(f"{PYTHON}{place}: the module {module_name} {what}: correct the name, or write it")
    return found


def _made(place: str, cls: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
    try:
        return cls(*arguments)
    except ConfigurationError:
        raise
    except Exception as error:
        given = " and ".join(type(argument).__name__ for argument in arguments)
        raise _failed(place, f"the class cannot be made of the {given} that it is given", error) from error


def _failed(place: str, what: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"{PYTHON}{place}: {what}: {type(error).__name__}: {error}")
