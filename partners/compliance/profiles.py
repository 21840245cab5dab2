"""Profiles of this installation: those that come with it, and sheets of its own partners.

A sheet is a file ``*.toml`` in ``$AS2_HOME/profiles``. Files are read once in a process: a change
counts from the next start, like any change of the installation.
"""

from functools import cache
from pathlib import Path

from django.conf import settings

from as2gateway.compliance.catalogue import Catalogue, built_in, read
from as2gateway.compliance.profile import Profile, ProfileError


def catalogue() -> Catalogue:
    """Return all profiles. Raises ProfileError if a sheet cannot be read."""
    return _catalogue(settings.AS2_PROFILES)


def profile_choices() -> list[tuple[str, str]]:
    """Give the profiles that a connection may have, for a form."""
    titles = {profile.name: profile.title for profile in catalogue().profiles}
    return [(name, f"{name}: {titles[name]}") for name in catalogue().names]


@cache
def _catalogue(folder: Path) -> Catalogue:
    found = built_in()
    return found.with_more(_text(path) for path in sorted(folder.glob("*.toml")))


def _text(path: Path) -> str:
    """Return a file's text, if it is a profile: the name of a bad one has to be told."""
    text = path.read_text("utf-8")
    _check(path, text)
    return text


def _check(path: Path, text: str) -> Profile:
    try:
        return read(text)
    except ProfileError as error:
        raise ProfileError(f"{path.name}: {error}") from error
