"""Catalogue: the profiles that there are, and which version of one is in force on a day.

The built-in ones are data files of this package; an installation may add sheets of its partners.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import groupby

from as2gateway.compliance.profile import Profile, ProfileError, parse
from as2gateway.compliance.rules import KINDS


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Profiles by name, each in its versions."""

    profiles: tuple[Profile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all profiles, in alphabetical order."""
        return tuple(sorted({profile.name for profile in self.profiles}))

    def versions(self, name: str, today: dt.date) -> tuple[Profile, ...]:
        """Return the version in force and then those to come; () for an unknown name.

        While none is in force the first to come stands in its place.
        """
        every = sorted(
            (profile for profile in self.profiles if profile.name == name),
            key=lambda profile: profile.effective_on,
        )
        begun = sum(profile.effective_on <= today for profile in every)
        return tuple(every[max(begun - 1, 0) :])

    def with_more(self, profiles: Iterable[Profile]) -> "Catalogue":
        """Add profiles. Raises ProfileError if a version is there twice."""
        ordered = sorted((*self.profiles, *profiles), key=lambda profile: profile.label)
        for label, same in groupby(ordered, key=lambda profile: profile.label):
            if len(list(same)) > 1:
                raise ProfileError(f"{label} is there twice")
        return Catalogue(tuple(ordered))


def read(text: str) -> Profile:
    """Read one profile file. Raises ProfileError."""
    return parse(text, KINDS)


@cache
def built_in() -> Catalogue:
    """Return the profiles that come with this package."""
    folder = resources.files("as2gateway.compliance") / "profiles"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    texts = [file.read_text("utf-8") for file in files if file.name.endswith(".toml")]
    return Catalogue(()).with_more([read(text) for text in texts])
