import pytest

from messages.safe_names import file_name, folder_name, marked_file_name


@pytest.mark.parametrize(
    ("as2_id", "expected"),
    [
        ("ACME-EDI_1.test", "ACME-EDI_1.test"),
        ("two words", "two%20words"),
        ("a/b\\c:d", "a%2Fb%5Cc%3Ad"),
        (".", "%2E"),
        ("..", "%2E."),
        ("-rf", "%2Drf"),
        ("a%20b", "a%2520b"),
        ("home~", "home%7E"),
        ('"q"', "%22q%22"),
    ],
)
def test_an_as2_id_becomes_a_harmless_folder(as2_id: str, expected: str) -> None:
    assert folder_name(as2_id) == expected


def test_long_ids_fit_a_file_system_and_stay_apart() -> None:
    first, second = folder_name("#" * 127 + "1"), folder_name("#" * 127 + "2")
    assert len(first) == len(second) == 200
    assert first != second


def test_no_id_of_full_length_looks_like_a_shortened_one() -> None:
    assert "~" in folder_name("#" * 128)
    assert "~" not in folder_name("~" * 20)


def test_an_empty_id_names_no_folder() -> None:
    with pytest.raises(ValueError, match="empty"):
        folder_name("")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders.edi", "orders.edi"),
        ("../../etc/passwd", "passwd"),
        ("C:\\edi\\out\\850.X12", "850.X12"),
        ("..", "document"),
        ("", "document"),
        (".htaccess", "htaccess"),
        ("-rf", "rf"),
        ("a b;c$(d).xml", "a_b_c_d_.xml"),
        ("nul\x00byte.txt", "nul_byte.txt"),
        ("line\r\nbreak", "line_break"),
        ("Bestellung Größe.edi", "Bestellung_Gr_e.edi"),
        ("name.", "name"),
        ("a.tar.gz", "a.tar.gz"),
        ("invoice.verylongsuffixindeed", "invoice.verylongsuffixindeed"),
        ("x" * 300 + ".edi", "x" * 96 + ".edi"),
    ],
)
def test_a_file_name_is_made_safe(name: str, expected: str) -> None:
    assert file_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders.edi", "orders-0c8d1f2a.edi"),
        ("orders", "orders-0c8d1f2a"),
        ("", "document-0c8d1f2a"),
        ("../x", "x-0c8d1f2a"),
        ("x" * 300 + ".edi", "x" * 87 + "-0c8d1f2a.edi"),
    ],
)
def test_a_mark_keeps_equal_names_apart(name: str, expected: str) -> None:
    assert marked_file_name(name, "0c8d1f2a4b5c6d7e") == expected


def test_documents_of_one_payload_have_a_number_each() -> None:
    names = [marked_file_name("orders.edi", "0c8d1f2a", number) for number in (1, 2)]
    assert names == ["orders-0c8d1f2a-1.edi", "orders-0c8d1f2a-2.edi"]
    assert len(marked_file_name("x" * 300 + ".edi", "0c8d1f2a", 100)) == 100
