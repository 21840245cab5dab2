"""Envelope facts, held against documents written by hand from the standards' segment tables."""

import pytest

from as2gateway.edi import (
    HEAD,
    Acceptance,
    Acknowledged,
    EDIFacts,
    Reference,
    ReferenceKind,
    Standard,
    sniff,
)
from tests.gateway.test_work import work_of

ISA = (
    "ISA*00*          *00*          *ZZ*VENDOR         *ZZ*AMAZON         "
    "*261124*1200*U*00401*000000905*0*P*>~"
)
X12 = f"{ISA}\nGS*PO*VENDOR*AMAZON*20261124*1200*905*X*004010~\nST*850*0001~\nSE*2*0001~"


def test_x12_gives_type_control_number_and_names() -> None:
    found = EDIFacts(Standard.X12, "850", "000000905", "VENDOR", "AMAZON", group_number="905")
    assert sniff(X12.encode()) == found


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


def x12(*segments: str, kind: str = "850") -> bytes:
    body = "~\n".join([f"GS*PO*A*B*20261124*1200*17*X*004010~\nST*{kind}*0001", *segments])
    return f"{ISA}\n{body}~\nSE*9*0001~GE*1*17~IEA*1*000000905~".encode()


ORDER, INVOICE, SHIPMENT = ReferenceKind.ORDER, ReferenceKind.INVOICE, ReferenceKind.SHIPMENT


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (x12("BEG*00*SA*4500012345**20261124"), [(ORDER, "4500012345")]),
        (x12("BAK*00*AD*4500012345*20261124", kind="855"), [(ORDER, "4500012345")]),
        (
            x12("BSN*00*SHIP7*20261124*1200", "PRF*PO1***20261101", "PRF*PO2", kind="856"),
            [(SHIPMENT, "SHIP7"), (ORDER, "PO1"), (ORDER, "PO2")],
        ),
        (
            x12("BIG*20261124*INV9*20261101*PO1***DI", kind="810"),
            [(INVOICE, "INV9"), (ORDER, "PO1")],
        ),
        (
            x12("BGN*00*1", "REF*PO*PO5", "REF*DP*77", "REF*IV*INV3"),
            [(ORDER, "PO5"), (INVOICE, "INV3")],
        ),
    ],
    ids=["850", "855", "856", "810", "REF"],
)
def test_x12_gives_the_numbers_that_people_ask_by(
    document: bytes, found: list[tuple[ReferenceKind, str]]
) -> None:
    assert sniff(document).references == tuple(Reference(*each) for each in found)


@pytest.mark.parametrize(
    ("segments", "found"),
    [
        ("UNH+1+ORDERS:D:96A:UN'BGM+220+PO77+9'RFF+ON:PO77'", [(ORDER, "PO77")]),
        ("UNH+1+ORDRSP:D:96A:UN'BGM+231+R1'RFF+ON:PO77'", [(ORDER, "PO77")]),
        ("UNH+1+DESADV:D:96A:UN'BGM+351+D5+9'RFF+ON:PO77:1'", [(SHIPMENT, "D5"), (ORDER, "PO77")]),
        (
            "UNH+1+INVOIC:D:96A:UN'BGM+380:::x+I8+9'RFF+ON:PO?:7'RFF+AAK:D5'",
            [(INVOICE, "I8"), (ORDER, "PO:7"), (SHIPMENT, "D5")],
        ),
    ],
)
def test_edifact_gives_the_numbers_that_people_ask_by(
    segments: str, found: list[tuple[ReferenceKind, str]]
) -> None:
    document = f"UNB+UNOA:2+A+B+261124:1200+1'{segments}"
    assert sniff(document.encode()).references == tuple(Reference(*each) for each in found)


@pytest.mark.parametrize(
    ("code", "acceptance"),
    [
        ("A", Acceptance.ACCEPTED),
        ("E", Acceptance.WITH_ERRORS),
        ("P", Acceptance.PARTLY),
        ("R", Acceptance.REJECTED),
        ("X", Acceptance.REJECTED),
    ],
)
def test_a_997_says_what_became_of_each_group(code: str, acceptance: Acceptance) -> None:
    answers = ("AK1*IN*5", "AK2*810*0001", "AK5*A", f"AK9*{code}*1*1*1", "AK1*PO*6", "AK9*A*1*1*1")
    assert sniff(x12(*answers, kind="997")).acknowledged == (
        Acknowledged("5", acceptance),
        Acknowledged("6", Acceptance.ACCEPTED),
    )


def test_a_997_without_a_verdict_acknowledges_nothing() -> None:
    answers = ("AK1*IN*5", "AK2*810*0001", "AK9*?*1*1*1")
    assert sniff(x12(*answers, kind="997")).acknowledged == ()
    assert sniff(x12("AK9*A*1*1*1", kind="997")).acknowledged == ()


@pytest.mark.parametrize(
    ("action", "acceptance"),
    [("4", Acceptance.REJECTED), ("7", Acceptance.ACCEPTED), ("8", Acceptance.ACCEPTED)],
)
def test_a_contrl_says_what_became_of_an_interchange(action: str, acceptance: Acceptance) -> None:
    document = f"UNB+UNOA:2+B+A+261124:1200+9'UNH+1+CONTRL:D:3:UN'UCI+REF77+A+B+{action}'"
    assert sniff(document.encode()).acknowledged == (Acknowledged("REF77", acceptance),)


def test_references_are_bounded_and_each_is_told_once() -> None:
    many = x12(*(f"PRF*PO{number}" for number in range(500)), "PRF*PO1", kind="856")
    assert len(sniff(many).references) == 50
    assert len(sniff(x12("PRF*PO1", "PRF*PO1", kind="856")).references) == 1
    assert sniff(x12(f"BEG*00*SA*{'9' * 200}")).references == ()


def test_nothing_is_read_past_the_head_of_a_payload() -> None:
    assert sniff(x12("N1*" + "X" * HEAD, "PRF*PO1", kind="856")).references == ()


@pytest.mark.parametrize("line", ["PO1*1*12*EA*9.95**VN*4711~", "LIN+1++4000862:EN'QTY+21:5'"])
def test_what_nobody_asks_for_is_not_taken_apart(line: str) -> None:
    start = X12 if "*" in line else "UNB+UNOA:2+A+B+261124:1200+1'UNH+1+ORDERS:D:96A:UN'"
    document = (start + line * (HEAD // len(line))).encode()
    # Each octet is gone over five times: as octets, as text, and as segments.
    assert work_of(lambda: sniff(document)) < 6 * HEAD


def test_the_release_character_may_stand_last() -> None:
    assert sniff(b"UNB+UNOA:2+A+B?'S+261124:1200+1?").control_number == "1?"
