"""Reaching: where a user who sees some connections only may have messages posted to.

A URL of this machine or its network would let somebody from outside, such as a partner's provider,
ask by *Test connection* what only this machine can reach, and read the answer.
"""

from django.conf import settings
from django.core.exceptions import ValidationError

from partners.access.visibility import Anybody, sees_everything
from partners.tls.targets import ProbeError, Target, lookup, public
from partners.urls import host_of, port_of, read_url


def check_reach(user: Anybody, url: str, known: str = "") -> None:
    """Raise ValidationError for a URL of another host than before that is not a public one.

    Whoever sees everything may write any. A name that leads nowhere yet is taken.
    """
    if sees_everything(user) or settings.AS2_TLS_PROBE_ALLOW_PRIVATE:
        return
    try:
        target = _target(url)
        if known and _target(known).host == target.host:
            return
    except ValueError:
        return  # the column's own validator says so
    try:
        found = lookup(target)
    except ProbeError:
        return
    if len(public(found)) < len(found):
        raise ValidationError(
            f"{target.host} is {', '.join(found)}, which is not an address of the public internet. "
            "Ask somebody who sees all connections to set it, or to set "
            "AS2_TLS_PROBE_ALLOW_PRIVATE=1."
        )


def check_hosts(user: Anybody, listed: str, known: str = "") -> None:
    """The same for hosts, by comma, to which MDNs may be posted; those that were there stay."""
    for host in sorted(_hosts(listed) - _hosts(known)):
        check_reach(user, f"https://[{host}]/" if ":" in host else f"https://{host}/")


def _hosts(listed: str) -> set[str]:
    return {host.strip().lower() for host in listed.split(",") if host.strip()}


def _target(url: str) -> Target:
    parsed = read_url(url)
    return Target(host_of(parsed), port_of(parsed))
