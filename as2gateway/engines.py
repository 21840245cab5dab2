"""Engines by name, as connections choose them."""

from collections.abc import Mapping
from types import MappingProxyType

from as2gateway.engine import Engine
from as2gateway.native import NativeEngine

#: what a connection uses that does not choose
DEFAULT_ENGINE = "native"

_ENGINES: Mapping[str, Engine] = MappingProxyType({"native": NativeEngine()})


def get_engine(name: str = DEFAULT_ENGINE) -> Engine:
    """The engine of that name. Raises ValueError, in words for an operator, if there is none."""
    try:
        return _ENGINES[name]
    except KeyError:
        known = ", ".join(sorted(_ENGINES))
        raise ValueError(f"there is no engine called {name!r}; choose one of: {known}") from None
