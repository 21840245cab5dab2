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
    """Give the profiles that a connection may have, for a form.

    Django asks for them in a check of its own, which a sheet that cannot be read must not break:
    then ``partners.E002`` says what is wrong with it.
    """
    try:
        known = catalogue()
    except ProfileError:
        known = built_in()
    titles = {profile.name: profile.title for profile in known.profiles}
    return [(name, f"{name}: {titles[name]}") for name in known.names]


@cache
def _catalogue(folder: Path) -> Catalogue:
    return built_in().with_more([_read(path) for path in sorted(folder.glob("*.toml"))])


def _read(path: Path) -> Profile:
    try:
        return read(path.read_text("utf-8"))
    except (ProfileError, OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path.name}: {error}") from error
