"""``manage.py apply``: each mistake is one line that says where and what."""

import os
from pathlib import Path

import pytest

from tests.partners.applying import GOOD, Folder

pytestmark = pytest.mark.django_db

CONNECTION = "partners[0].connections[0]"
CERTIFICATE = f"{CONNECTION}.certificates[0]"
KEY_PAIR = "organizations[0].keys[0]"
FILE = "- {file: amazon.pem, roles: [verify, encrypt]}"
KEY = "private_key: vendor.key, certificate: vendor.pem"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "sign: sha-256",
            "sign: sha256",
            f'13: {CONNECTION}.sign: "sha256" is not one of none, sha-1, sha-256, sha-384, sha-512',
        ),
        (
            "encrypt: aes-128-cbc",
            "encrypt: AES",
            (
                f'14: {CONNECTION}.encrypt: "AES" is not one of none, aes-128-cbc, aes-192-cbc, '
                "aes-256-cbc, aes-128-gcm, aes-192-gcm, aes-256-gcm, des-ede3-cbc"
            ),
        ),
        (
            "compress: none",
            "compress: true",
            f'15: {CONNECTION}.compress: "true" is not one of none, before-signing, after-signing',
        ),
        (
            "mdn: sync",
            "mdn: later",
            f'16: {CONNECTION}.mdn: "later" is not one of none, sync, async',
        ),
        (
            "environment: test",
            "environment: prod",
            f'11: {CONNECTION}.environment: "prod" is not one of test, production',
        ),
        (
            "mdn_signed: true",
            "mdn_signed: maybe",
            f'17: {CONNECTION}.mdn_signed: "maybe" is neither true nor false',
        ),
        (
            "mdn: sync",
            "max_attempts: many",
            f'16: {CONNECTION}.max_attempts: "many" is not a whole number',
        ),
        (
            "mdn: sync",
            "max_attempts: 0",
            f"16: {CONNECTION}.max_attempts: Ensure this value is greater than or equal to 1.",
        ),
        (
            "url: http://127.0.0.1:8001/as2",
            "url: ftp://127.0.0.1/as2",
            f"12: {CONNECTION}.url: Enter a valid URL.",
        ),
        (
            "mdn: sync",
            "engine: openas2",
            (
                f"16: {CONNECTION}.engine: there is no engine called 'openas2'; "
                "choose one of: native, pyas2lib"
            ),
        ),
        (
            "mdn: sync",
            "engine: pyas2lib\n        compress: after-signing",
            (
                f"16: {CONNECTION}.engine: the engine pyas2lib compresses before it signs only; "
                "use the engine native"
            ),
        ),
        (
            "mdn: sync",
            "certificats: []",
            f'16: {CONNECTION}.certificats: unknown key; did you mean "certificates"?',
        ),
        (
            "name: Vendor Inc",
            "name: Vendor Inc\n    zzz: 1",
            (
                "4: organizations[0].zzz: unknown key; known are as2_id, name, message_id_domain, "
                "email, keys"
            ),
        ),
        (
            "        url: http://127.0.0.1:8001/as2\n",
            "",
            f'9: {CONNECTION}: the key "url" is missing',
        ),
        (
            "- organization: VENDOR\n        as2_id",
            "- as2_id",
            f'9: {CONNECTION}: the key "organization" is missing',
        ),
        ("as2_id: AMAZON-TEST", "as2_id:", f"10: {CONNECTION}.as2_id: this is empty"),
        (
            "as2_id: AMAZON-TEST",
            "as2_id: [a]",
            f"10: {CONNECTION}.as2_id: a text was expected here",
        ),
        (
            "as2_id: AMAZON-TEST",
            "as2_id: VENDOR",
            f"10: {CONNECTION}.as2_id: The partner's AS2 id must differ from our own.",
        ),
        (
            "as2_id: AMAZON-TEST",
            "as2_id: ÄMAZON",
            f"10: {CONNECTION}.as2_id: an AS2 name has only printable ASCII characters: 'ÄMAZON'",
        ),
        (
            "organization: VENDOR",
            "organization: VENDER",
            (
                f'9: {CONNECTION}.organization: there is no organization "VENDER", here or in the '
                "database"
            ),
        ),
        (
            "roles: [verify, encrypt]",
            "roles: [verify, encypt]",
            f'21: {CERTIFICATE}.roles[1]: "encypt" is not one of verify, encrypt, tls',
        ),
        (
            "roles: [verify, encrypt]",
            "roles: []",
            f"21: {CERTIFICATE}.roles: at least one of verify, encrypt, tls was expected",
        ),
        (
            "roles: [verify, encrypt]",
            "roles: all",
            f"21: {CERTIFICATE}.roles: a list was expected here",
        ),
        (
            "roles: [verify, encrypt]",
            "retires_at: soon",
            (
                f'21: {CERTIFICATE}.retires_at: "soon" is no date such as 2026-12-31 or '
                "2026-12-31T18:00Z"
            ),
        ),
        (
            "roles: [verify, encrypt]",
            "retires_at: 2999-12-31T25:00",
            f'21: {CERTIFICATE}.retires_at: "2999-12-31T25:00" is no date: hour must be in 0..23',
        ),
        (
            "roles: [verify, encrypt]",
            "activates_at: 2999-01-02, retires_at: 2999-01-01",
            f"21: {CERTIFICATE}.retires_at: this is not after activates_at (2999-01-02 00:00)",
        ),
        (
            "file: amazon.pem",
            "file: gone.pem",
            f"21: {CERTIFICATE}.file: gone.pem: No such file or directory",
        ),
        ("file: amazon.pem", "file: .", f"21: {CERTIFICATE}.file: .: Is a directory"),
        (
            "file: amazon.pem",
            "file: vendor.key",
            (
                f"21: {CERTIFICATE}.file: vendor.key: this is a private key (PEM); "
                "a certificate (PEM or DER) was wanted"
            ),
        ),
        ("{file: amazon.pem, ", "{", f'21: {CERTIFICATE}: the key "file" is missing'),
        ("{file: amazon.pem, ", "{file: , ", f"21: {CERTIFICATE}.file: this is empty"),
        (
            "certificate: vendor.pem",
            "certificate: amazon.pem",
            (
                f"5: {KEY_PAIR}.certificate: amazon.pem: the private key and the certificate "
                "(CN=AMAZON) do not belong together"
            ),
        ),
        (
            "private_key: vendor.key",
            "private_key: vendor.pem",
            (
                f"5: {KEY_PAIR}.private_key: vendor.pem: this is a certificate (PEM); "
                "a private key (PEM or DER) was wanted"
            ),
        ),
        (
            KEY,
            "private_key: vendor.key",
            (
                f'5: {KEY_PAIR}: missing: "certificate"; give "private_key" and "certificate", or '
                '"pkcs12"'
            ),
        ),
        (
            f"{KEY}, ",
            "",
            (
                f'5: {KEY_PAIR}: missing: "private_key" and "certificate"; give "private_key" and '
                '"certificate", or "pkcs12"'
            ),
        ),
        (
            KEY,
            f"{KEY}, pkcs12: vendor.p12",
            f"5: {KEY_PAIR}.private_key: the pkcs12 file brings this: leave it out",
        ),
        (
            KEY,
            f"{KEY}, password: a, password_env: B",
            f"5: {KEY_PAIR}.password_env: give only one of password, password_env",
        ),
        (
            KEY,
            f"{KEY}, password_env: AS2_NO_SUCH",
            f"5: {KEY_PAIR}.password_env: the environment has no variable of the name given here",
        ),
        (KEY, f"{KEY}, password: ", f"5: {KEY_PAIR}.password: this is empty"),
        ("name: v-2026, ", "", f'5: {KEY_PAIR}: the key "name" is missing'),
        (
            "purposes: [sign, decrypt]",
            "purposes: [decrypt]",
            f"13: {CONNECTION}.sign: organization VENDOR has no key pair with the purpose sign",
        ),
        (
            "purposes: [sign, decrypt]",
            "purposes: [sign]",
            (
                f"19: {CONNECTION}.require_encryption: organization VENDOR has no key pair with "
                "the purpose decrypt"
            ),
        ),
        (
            "roles: [verify, encrypt]",
            "roles: [verify]",
            f"14: {CONNECTION}.encrypt: the connection has no certificate with the role encrypt",
        ),
        (
            "        mdn: sync\n",
            "        mdn: sync\n        mdn: none\n",
            f"17: {CONNECTION}.mdn: this key stands here twice",
        ),
        ("  - name: Amazon\n", "  - email: x\n", '7: partners[0]: the key "name" is missing'),
        (
            "as2_id: VENDOR\n    name: V",
            "name: V",
            '2: organizations[0]: the key "as2_id" is missing',
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    folder: Folder, old: str, new: str, line: str
) -> None:
    folder.change((old, new))
    assert f"amazon.yaml:{line}" in folder.mistakes()


def test_a_partner_that_shows_no_signature_is_asked_for_none(folder: Folder) -> None:
    folder.change(("roles: [verify, encrypt]", "roles: [encrypt]"))
    text = "the connection has no certificate with the role verify"
    assert folder.mistakes() == [
        f"amazon.yaml:17: {CONNECTION}.mdn_signed: {text}",
        f"amazon.yaml:18: {CONNECTION}.require_signature: {text}",
    ]


def test_all_mistakes_are_listed_in_the_order_of_the_file(folder: Folder) -> None:
    folder.change(
        ("vendor.key", "gone.key"),
        ("sign: sha-256", "sign: sha256"),
        ("mdn: sync", "mdn: later"),
        ("file: amazon.pem", "file: gone.pem"),
    )
    assert [line.split(":")[1] for line in folder.mistakes()] == ["5", "13", "16", "21"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1: the file is empty"),
        ("a: [", "1: this is not YAML: expected the node content, but found '<stream end>'"),
        ("organizations:\n  - as2_id: 'A\n", "3: this is not YAML: found unexpected end of stream"),
        ("- a\n", "1: keys and values were expected here"),
        ("organizations: A\n", "1: organizations: a list was expected here"),
        ("organizations:\n  - A\n", "2: organizations[0]: keys and values were expected here"),
        ("organisations: []\n", '1: organisations: unknown key; did you mean "organizations"?'),
    ],
)
def test_a_file_of_another_shape_is_refused(folder: Folder, text: str, line: str) -> None:
    folder.write(text)
    assert folder.mistakes() == [f"amazon.yaml:{line}"]


def test_an_alias_that_holds_itself_is_refused(folder: Folder) -> None:
    folder.write("organizations: &a\n  - *a\n")
    (line,) = folder.mistakes()[:1]
    assert line.endswith("nested too deeply")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (line,) = Folder(tmp_path).mistakes()
    assert line.startswith("amazon.yaml:1: the file cannot be read: [Errno 2]")


def test_a_file_that_is_no_text_is_refused(folder: Folder) -> None:
    (folder.path / "amazon.yaml").write_bytes(b"\xff\xfe\x00")
    (line,) = folder.mistakes()
    assert line.startswith("amazon.yaml:1: the file cannot be read: ")


def test_a_file_far_too_large_for_a_key_is_refused(folder: Folder) -> None:
    os.truncate(folder.path / "amazon.pem", 2 * 1024 * 1024)
    assert folder.mistakes() == [
        f"amazon.yaml:21: {CERTIFICATE}.file: amazon.pem: far too large for a key or certificate"
    ]


def test_the_same_twice_is_refused(folder: Folder) -> None:
    key_pair = next(line for line in GOOD.splitlines() if "v-2026" in line)
    connection = GOOD[GOOD.index("      - organization") :]
    folder.write(
        GOOD.replace(key_pair, f"{key_pair}\n{key_pair}")
        .replace(FILE, f"{FILE}\n          {FILE}")
        .replace("partners:\n", "  - {as2_id: VENDOR, name: Again}\npartners:\n")
        + connection
        + "  - name: Amazon\n"
    )
    assert folder.mistakes() == [
        "amazon.yaml:6: organizations[0].keys[1].name: the same is already in line 5",
        "amazon.yaml:7: organizations[1].as2_id: the same is already in line 2",
        f"amazon.yaml:24: {CONNECTION}.certificates[1].file: the same is already in line 23",
        "amazon.yaml:26: partners[0].connections[1].as2_id: the same is already in line 12",
        "amazon.yaml:38: partners[1].name: the same is already in line 9",
    ]


def test_the_same_key_under_two_names_is_refused(folder: Folder) -> None:
    key_pair = next(line for line in GOOD.splitlines() if "v-2026" in line)
    again = key_pair.replace("v-2026", "v-2027")
    folder.write(GOOD.replace(key_pair, f"{key_pair}\n{again}"))
    assert folder.mistakes() == [
        "amazon.yaml:6: organizations[0].keys[1]: the same is already in line 5"
    ]


def test_a_retired_key_does_not_count(folder: Folder) -> None:
    folder.change(
        ("purposes: [sign, decrypt]", "activates_at: 2020-01-01, retires_at: 2021-01-01"),
        ("require_encryption: true", "require_encryption: false"),
    )
    assert folder.mistakes() == [
        (
            f"amazon.yaml:13: {CONNECTION}.sign: organization VENDOR has no key pair with the "
            "purpose sign"
        )
    ]


def test_what_follows_from_another_mistake_is_not_told(folder: Folder) -> None:
    folder.change(("private_key: vendor.key", "private_key: gone.key"))
    assert folder.mistakes() == [
        f"amazon.yaml:5: {KEY_PAIR}.private_key: gone.key: No such file or directory"
    ]
