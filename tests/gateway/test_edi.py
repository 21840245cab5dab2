"""Envelope facts, held against documents written by hand from the standards' segment tables."""

import pytest

from as2gateway.edi import EDIFacts, Standard, sniff

ISA = (
    "ISA*00*          *00*          *ZZ*VENDOR         *ZZ*AMAZON         "
    "*261124*1200*U*00401*000000905*0*P*>~"
)
X12 = f"{ISA}\nGS*PO*VENDOR*AMAZON*20261124*1200*905*X*004010~\nST*850*0001~\nSE*2*0001~"


def test_x12_gives_type_control_number_and_names() -> None:
    assert sniff(X12.encode()) == EDIFacts(Standard.X12, "850", "000000905", "VENDOR", "AMAZON")


def test_x12_reads_the_separators_of_this_interchange() -> None:
    odd = X12.replace("*", "|").replace("~", "\x1c")
    assert sniff(odd.encode()).type == "850"


def test_a_cut_x12_still_has_its_envelope() -> None:
    assert sniff(X12.encode()[:120]) == EDIFacts(Standard.X12, "", "000000905", "VENDOR", "AMAZON")


@pytest.mark.parametrize("una", ["", "UNA:+.? '\r\n"])
def test_edifact_gives_type_control_number_and_names(una: str) -> None:
    document = (
        f"{una}UNB+UNOA:2+4012345000009:14+RETAILER:14+261124:1200+REF77'UNH+1+ORDERS:D:96A:UN'"
    )
    assert sniff(document.encode()) == EDIFacts(
        Standard.EDIFACT, "ORDERS", "REF77", "4012345000009", "RETAILER"
    )


def test_edifact_honours_the_release_character() -> None:
    document = "UNB+UNOA:2+O?'NEILL?+SONS+B+261124:1200+1'"
    assert sniff(document.encode()).sender == "O'NEILL+SONS"


def test_a_released_release_character_protects_nothing() -> None:
    assert sniff(b"UNB+UNOA:2+WHAT??+B+261124:1200+1'").receiver == "B"


def test_edifact_with_its_own_service_characters() -> None:
    document = "UNA.*, !~UNB*UNOA.2*A.1*B.2*261124.1200*9~UNH*1*INVOIC.D~"
    facts = sniff(document.encode())
    assert (facts.type, facts.sender, facts.control_number) == ("INVOIC", "A", "9")


@pytest.mark.parametrize(
    ("document", "root"),
    [
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- c --><ns:Order xmlns:ns='u'>", "Order"),
        (b"<Invoice/>", "Invoice"),
        (b"<", ""),
    ],
)
def test_xml_gives_its_root_element(document: bytes, root: str) -> None:
    assert sniff(document) == EDIFacts(Standard.XML, root)


@pytest.mark.parametrize(
    "junk", [b"", b"ISA", b"ISA*" + b"*" * 200, b"UNA", b"UNB", b"\x00\xff", b"%PDF-1.7"]
)
def test_junk_says_nothing_and_never_raises(junk: bytes) -> None:
    assert sniff(junk).type == ""
