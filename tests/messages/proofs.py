"""Which tests prove a special need from the row of its connection to the wire."""

from collections.abc import Callable
from typing import Final, TypeVar

Test = TypeVar("Test", bound=Callable[..., None])

#: names of tests by quirk; complete once the modules of these tests have been imported
PROVEN: Final[dict[str, list[str]]] = {}


def proves(*quirks: str) -> Callable[[Test], Test]:
    """Say that a test sets these on a connection and looks at the octets, or at what became."""

    def note(test: Test) -> Test:
        for quirk in quirks:
            PROVEN.setdefault(quirk, []).append(test.__name__)
        return test

    return note
