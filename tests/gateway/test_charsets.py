import encodings
from encodings.aliases import aliases

import pytest

from as2gateway.mime.charsets import codec_of


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-8", "utf_8"),
        ("US-ASCII", "ascii"),
        ("ISO-8859-15", "iso8859_15"),
        ("windows-1252", "cp1252"),
        ("Shift_JIS", "shift_jis"),
        ("GB18030", "gb18030"),
        ("koi8-u", "koi8_u"),
        ("latin1", "latin_1"),
        # no character sets, though some of them are codecs of Python's
        ("undefined", "utf-8"),
        ("idna", "utf-8"),
        ("unicode_escape", "utf-8"),
        ("hex", "utf-8"),
        ("base64", "utf-8"),
        ("os", "utf-8"),
        ("", "utf-8"),
        ("a\0b", "utf-8"),
        ("\u20ac", "utf-8"),
    ],
)
def test_a_character_set_has_its_codec_and_others_are_read_as_utf_8(
    charset: str, codec: str
) -> None:
    assert codec_of(charset) == codec


def test_each_codec_decodes_whatever_there_is() -> None:
    for codec in {codec_of(name) for name in aliases}:
        assert isinstance(bytes(range(256)).decode(codec, "replace"), str)


def test_names_that_nobody_knows_are_not_remembered() -> None:
    before = len(encodings._cache)
    for number in range(50):
        b"x".decode(codec_of(f"unheard-of-{number}"))
    assert len(encodings._cache) <= before + 1  # that of UTF-8
