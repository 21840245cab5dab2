import pytest

from as2gateway.headers import Headers
from as2gateway.mime import filename


def disposition(parameters: str) -> Headers:
    return Headers((("Content-Disposition", f"attachment; {parameters}"),))


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ('filename="po850.edi"', "po850.edi"),
        ("filename=po850.edi", "po850.edi"),
        ("FileName = po850.edi ; size=3", "po850.edi"),
        ("filename=po 850 test.edi", "po 850 test.edi"),
        ('filename="po 850; test.edi"', "po 850; test.edi"),
        ('filename=""po850.edi""', "po850.edi"),
        ('filename="say \\"hi\\".edi"', 'say "hi".edi'),
        ('filename="C:\\out\\po.edi"', "C:\\out\\po.edi"),
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ("filename*=utf-8''po%20%E2%82%AC.edi", "po €.edi"),
        ("filename*=UTF-8'de'Gr%C3%BC%C3%9Fe.edi", "Grüße.edi"),
        ("filename*=iso-8859-1''Gr%FC%DFe.edi", "Grüße.edi"),
        ("filename=ascii.edi; filename*=utf-8''%E2%82%AC.edi", "€.edi"),
        ("filename*=utf-8''%E2%82%AC.edi; filename=ascii.edi", "€.edi"),
        ("filename*=x-unknown''caf%C3%A9", "café"),
        ("filename*=utf-8''%FF%FE", "ÿþ"),
        ("filename*=plain%20name.edi", "plain name.edi"),
        ('filename*0="long"; filename*1="name.edi"', "longname.edi"),
        ("filename*1=name.edi; filename*0=long", "longname.edi"),
        ("filename*0*=utf-8''%E2%82; filename*1*=%AC.edi", "€.edi"),
        ("filename*0*=utf-8''a%20; filename*1=%20.edi", "a %20.edi"),
        ('filename="=?UTF-8?Q?Gr=C3=BC=C3=9Fe_1?= =?utf-8?b?LmVkaQ==?="', "Grüße 1.edi"),
        ('filename="=?iso-8859-1*de?q?caf=E9?=.edi"', "café.edi"),
        ('filename="=?utf-8?b?x?="', "=?utf-8?b?x?="),
        ('filename="Gr\xc3\xbc\xc3\x9fe.edi"', "Grüße.edi"),
        ('filename="Gr\xfc\xdfe.edi"', "Grüße.edi"),
        ("filename*=windows-1251''%EF%EE.edi", "по.edi"),
        ("filename*=KOI8-U''%D0%CF.edi", "по.edi"),
        ("filename*=UTF-7''+BD8EPg-.edi", "по.edi"),
        # No character sets, though some of them are codecs of Python's:
        ("filename*=undefined''a.edi", "a.edi"),
        ("filename*=punycode''a%5C.edi", "a\\.edi"),
        ("filename*=hex''61.edi", "61.edi"),
        ("filename*=a\x00b''a.edi", "a.edi"),
        ("filename*=no-such-one''%C3%BC.edi", "ü.edi"),
        ('filename="=?unicode_escape?q?=5Cx41?=.edi"', "\\x41.edi"),
        ('filename="100%25 %zz.edi"', "100%25 %zz.edi"),
        ('filename="open.edi', "open.edi"),
        ('filename=""', ""),
        ("filename*0=a; filename*2=c", "a"),
        ("name=x.edi", ""),
        ("; ".join(f"filename*{number}=a" for number in range(60)), "a" * 50),
    ],
)
def test_file_names_are_read_in_every_encoding(parameters: str, name: str) -> None:
    assert filename(disposition(parameters)) == name


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ((("Content-Type", "application/edi-x12; name=a.edi"),), "a.edi"),
        ((("Content-Type", "a/b; name*=utf-8''%E2%82%AC"),), "€"),
        (
            (
                ("Content-Type", "a/b; name=type.edi"),
                ("Content-Disposition", "attachment; filename=disposition.edi"),
            ),
            "disposition.edi",
        ),
        (
            (
                ("Content-Type", "a/b; name=po.edi"),
                ("Content-Disposition", "attachment; filename=smime.p7m"),
            ),
            "po.edi",
        ),
        ((("Content-Type", "application/pkcs7-mime; name=SMIME.P7Z"),), ""),
        ((("Content-Disposition", "attachment"),), ""),
        ((), ""),
    ],
)
def test_the_disposition_comes_before_the_content_type(
    fields: tuple[tuple[str, str], ...], name: str
) -> None:
    assert filename(Headers(fields)) == name
