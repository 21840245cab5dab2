"""Profile: a versioned set of rules with its source and effective date, read from a data file.

A change of a partner's policy is a new file, not new code. What a rule wants is written as one tier
or several, the most severe first: the first tier that is violated speaks.
"""

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from as2gateway.compliance.findings import FixValue, Severity

#: Source of what a profile adds of its own.
DERIVED: Final = "derived"

#: The parameters of a rule, and what kind each is of.
Kinds = Mapping[str, type]


class ProfileError(Exception):
    """A profile that cannot be used; the text names the file's rule and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from, so that an operator can judge how much it weighs."""

    title: str
    url: str = ""

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of one tier. Their kinds were checked when the profile was read."""

    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a text."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """Return a whole number."""
        return int(self.values[name])

    def flag(self, name: str) -> bool:
        """Return a switch."""
        return bool(self.values[name])

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(str(value) for value in self.values[name])

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        return tuple(int(value) for value in self.values[name])

    def table(self, name: str) -> dict[str, str]:
        """Return texts by name."""
        return {str(key): str(value) for key, value in self.values[name].items()}


@dataclass(frozen=True, slots=True)
class Tier:
    """One severity of a rule, and what it wants."""

    severity: Severity
    wanted: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a profile asks for."""

    id: str
    tiers: tuple[Tier, ...]
    why: str
    sources: tuple[Source, ...]
    #: what a setting has to be, by the name of the setting
    fix: Mapping[str, FixValue] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """All sources in one text."""
        return "; ".join(str(source) for source in self.sources)

    @property
    def source_url(self) -> str:
        """Where the first source that is public can be read; empty if none is."""
        return next((source.url for source in self.sources if source.url), "")


@dataclass(frozen=True, slots=True)
class Profile:
    """All that a partner asks for from a date on."""

    name: str
    version: str
    title: str
    effective_on: dt.date
    rules: tuple[Rule, ...]
    #: the partner's own instructions, and where to ask when stuck
    guide_title: str = ""
    guide_url: str = ""
    support: str = ""
    #: hosts of the partner that anybody may test, as host:port
    hosts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def parse(text: str, kinds: Mapping[str, Kinds]) -> Profile:
    """Read a profile; ``kinds`` are the parameters of each known rule. Raises ProfileError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"not TOML: {error}") from error
    top = _Table(data, "profile")
    sources = _sources(top)
    profile = Profile(
        name=top.take("name", str),
        version=top.take("version", str),
        title=top.take("title", str),
        effective_on=top.take("effective_on", dt.date),
        guide_title=top.take("guide_title", str, ""),
        guide_url=top.take("guide_url", str, ""),
        support=top.take("support", str, ""),
        hosts=tuple(str(host) for host in top.take("hosts", list, ())),
        rules=tuple(_rule(item, kinds, sources) for item in top.take("rules", list)),
    )
    top.finish()
    ids = [rule.id for rule in profile.rules]
    if len(set(ids)) != len(ids):
        raise ProfileError(f"{profile.label}: a rule stands there twice")
    return profile


class _Table:
    """A table of the file; what is left in it at the end is a mistake."""

    def __init__(self, values: object, what: str) -> None:
        if not isinstance(values, dict):
            raise ProfileError(f"{what}: a table was expected")
        self._values: dict[str, Any] = dict(values)
        self.what = what

    def take(self, name: str, kind: type, default: object = None) -> Any:
        """Return a value of that kind and cross it out."""
        if name not in self._values and default is not None:
            return default
        value = self._values.pop(name, None)
        # For Python a truth value is a number; for a profile it is not.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ProfileError(f"{self.what}: {name} has to be a {kind.__name__}")
        return value

    def finish(self) -> None:
        """Refuse what nobody asked for: a misspelt parameter must not pass for none."""
        if self._values:
            raise ProfileError(f"{self.what}: unknown {', '.join(self._values)}")


def _sources(top: _Table) -> dict[str, Source]:
    found = {DERIVED: Source("derived, not said by the partner")}
    for item in top.take("sources", list):
        table = _Table(item, "source")
        found[table.take("id", str)] = Source(table.take("title", str), table.take("url", str, ""))
        table.finish()
    return found


def _rule(item: object, kinds: Mapping[str, Kinds], sources: Mapping[str, Source]) -> Rule:
    table = _Table(item, "rule")
    table.what = rule_id = table.take("id", str)
    if rule_id not in kinds:
        raise ProfileError(f"there is no rule {rule_id}")
    rule = Rule(
        id=rule_id,
        tiers=tuple(_tier(tier, rule_id, kinds[rule_id]) for tier in table.take("tiers", list)),
        why=table.take("why", str),
        sources=tuple(_source(name, sources) for name in table.take("sources", list)),
        fix=table.take("fix", dict, {}),
    )
    table.finish()
    if not rule.tiers or not rule.sources:
        raise ProfileError(f"{rule_id}: a rule has at least one tier and one source")
    return rule


def _tier(item: object, rule_id: str, kinds: Kinds) -> Tier:
    table = _Table(item, rule_id)
    severity = table.take("severity", str)
    if severity not in set(Severity):
        raise ProfileError(f"{rule_id}: severity is one of {', '.join(Severity)}")
    wanted = table.take("wanted", str)
    parameters = Parameters({name: table.take(name, kind) for name, kind in kinds.items()})
    table.finish()
    return Tier(Severity(severity), wanted, parameters)


def _source(name: str, sources: Mapping[str, Source]) -> Source:
    if name not in sources:
        raise ProfileError(f"there is no source {name}")
    return sources[name]
