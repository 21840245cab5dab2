import string

import pytest

from as2gateway import names

LEGAL = [chr(code) for code in range(0x20, 0x7F)]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("ABC", "ABC"),
        ('"ABC"', "ABC"),
        ("abc", "abc"),
        ('"My Company  Ltd"', "My Company  Ltd"),
        ('"\\"  as2Name  \\""', '"  as2Name  "'),
        ('" leading and trailing "', " leading and trailing "),
        ('"a\\\\b"', "a\\b"),
        ("  ABC ", "ABC"),
        ("AS 2", "AS 2"),
        ("ACME,Inc", "ACME,Inc"),
        ("#1!", "#1!"),
        ("ends;", "ends;"),
        ("[x]<y>", "[x]<y>"),
        ("a:b/c@d=e?f", "a:b/c@d=e?f"),
        ("x" * 128, "x" * 128),
        ('"' + '\\"' * 128 + '"', '"' * 128),
    ],
)
def test_a_field_value_is_read_as_the_name_it_stands_for(value: str, name: str) -> None:
    assert names.unquote(value) == name


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", '""', "x" * 129, f'"{"x" * 129}"', '"open', 'a"b', "a\\b", '"a\\b"', '"a"b"'),
        *("nul\x00", "tab\tin", "new\nline", "Zo\xeb", "del\x7f", "\x85"),
    ],
)
def test_what_the_grammar_forbids_is_no_name(value: str) -> None:
    with pytest.raises(ValueError, match="AS2 name"):
        names.unquote(value)


@pytest.mark.parametrize("character", LEGAL)
@pytest.mark.parametrize("place", ["{}", "{}a", "a{}", "ab{}c"])
def test_quoting_and_unquoting_gives_the_name_back(character: str, place: str) -> None:
    name = place.format(character)
    assert names.unquote(names.quote(name)) == name


def test_only_space_quote_and_backslash_are_quoted() -> None:
    quoted = {each for each in LEGAL if names.quote(f"a{each}") != f"a{each}"}
    assert quoted == {" ", '"', "\\"}
    assert names.quote(string.ascii_letters) == string.ascii_letters


@pytest.mark.parametrize("name", ["", "x" * 129, "Zo\xeb", "a\r\nb"])
def test_an_illegal_name_is_never_written(name: str) -> None:
    with pytest.raises(ValueError, match="AS2 name"):
        names.quote(name)


def test_names_keep_their_case() -> None:
    assert names.unquote("abc") != names.unquote("ABC")


@pytest.mark.parametrize(
    ("value", "word"),
    [("AS2 NAME", "AS2"), (" AS2  x", "AS2"), ("AS2", None), ('"AS2 NAME"', None), ("", None)],
)
def test_a_name_with_spaces_and_no_quotes_has_a_second_reading(
    value: str, word: str | None
) -> None:
    assert names.first_word(value) == word
