"""URLs: which server one leads to, read alike by what checks a URL and by what calls it.

Two parsers may see two hosts in one text, and a password would then go to the other one.
"""

import re
from typing import Final

from urllib3.util import Url, parse_url

_PORTS: Final = {"http": 80, "https": 443}
#: A password in a URL; the name before it stays.
_PASSWORD: Final = re.compile(r"(?<=//)([^/?#@:]*):[^/?#]*@")


def read_url(text: str) -> Url:
    """Read a URL of http or https; raises ValueError, saying what is wrong with it."""
    try:
        url = parse_url(text)
    except ValueError as error:  # LocationParseError is one
        raise ValueError(f"the URL {text!r} cannot be read") from error
    if url.scheme not in _PORTS or not url.host:
        raise ValueError(f"the URL {text!r} is neither http nor https")
    return url


def host_of(url: Url) -> str:
    """Name the host as it is looked up and connected to."""
    return (url.host or "").strip("[]")


def port_of(url: Url) -> int:
    """Return the port that is connected to."""
    return url.port or _PORTS[url.scheme or "http"]


def without_password(text: str) -> str:
    """Take the password out of a URL, for whatever shows one."""
    return _PASSWORD.sub(r"\1:***@", text)
