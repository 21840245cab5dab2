"""Engines by name, as connections choose them."""

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from types import MappingProxyType

from as2gateway.engine import Engine

#: what a connection uses that does not choose
DEFAULT_ENGINE = "native"

#: where each is made; imported when it is first asked for, so that who does not use pyas2lib does
#: not load it
_FACTORIES: Mapping[str, str] = MappingProxyType(
    {
        "native": "as2gateway.native:NativeEngine",
        "pyas2lib": "as2gateway.pyas2.engine:Pyas2Engine",
    }
)

ENGINES = tuple(_FACTORIES)


def get_engine(name: str = DEFAULT_ENGINE) -> Engine:
    """The engine of that name. Raises ValueError, in words for an operator, if there is none."""
    return _get(name)


@cache
def _get(name: str) -> Engine:
    if name not in _FACTORIES:
        known = ", ".join(ENGINES)
        raise ValueError(f"there is no engine called {name!r}; choose one of: {known}")
    try:
        engine: Engine = resolve_name(_FACTORIES[name])()
    except ImportError as error:
        raise ValueError(f"the engine {name!r} cannot be used here: {error}") from error
    return engine
