"""pyas2lib is loaded on our stand-in for oscrypto, by who asks for it, and leaves no trace."""

import contextlib
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from as2gateway import engines
from as2gateway.pyas2 import library
from as2gateway.pyas2.oscrypto import asymmetric, symmetric, util
from tests.gateway.wrapping import OURS
from tests.openssl import identity

CERTIFICATE = asymmetric.Certificate(OURS.certificate)
KEY = asymmetric.ContentKeyOpener(OURS.rsa_key, 16)


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def test_who_uses_the_native_engine_does_not_load_pyas2lib() -> None:
    program = "import sys; from as2gateway.engines import get_engine; get_engine()"
    assert python(f"{program}; print('pyas2lib' in sys.modules)") == "False"


def test_loading_it_leaves_the_name_oscrypto_free() -> None:
    program = "import sys; from as2gateway.engines import get_engine; get_engine('pyas2lib')"
    assert python(f"{program}; print('pyas2lib' in sys.modules)") == "True"
    names = "[name for name in sys.modules if name.startswith('oscrypto')]"
    assert python(f"{program}; print({names})") == "[]"


@pytest.mark.parametrize("name", ["oscrypto", "pyas2lib"])
def test_it_is_refused_in_words_where_others_loaded_it_first(name: str) -> None:
    program = (
        "import sys, types\n"
        f"sys.modules[{name!r}] = types.ModuleType({name!r})\n"
        "from as2gateway.engines import get_engine\n"
        "try:\n    get_engine('pyas2lib')\nexcept ValueError as error:\n    print(error)\n"
    )
    assert python(program) == (
        f"the engine 'pyas2lib' cannot be used here: {name} was imported by other code of this "
        "process; the engine pyas2lib must be the one to import it"
    )


def test_the_stand_in_goes_also_when_the_import_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pyas2lib")
    with contextlib.suppress(LookupError), library.standing_in():
        assert sys.modules["oscrypto.asymmetric"] is asymmetric
        raise LookupError
    assert "oscrypto.asymmetric" not in sys.modules


def test_what_is_loaded_cannot_be_loaded_again() -> None:
    with pytest.raises(ImportError, match="pyas2lib was imported"), library.standing_in():
        pass


def test_an_engine_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_get", engines._get.__wrapped__)  # nothing kept
    monkeypatch.setitem(sys.modules, "as2gateway.pyas2.engine", None)
    with pytest.raises(ValueError, match="engine 'pyas2lib' cannot be used here"):
        engines.get_engine("pyas2lib")


def test_another_release_is_refused() -> None:
    library.check_version(library.VERSION)
    with pytest.raises(ImportError, match=r"pyas2lib 1\.4\.5 is installed"):
        library.check_version("1.4.5")


def test_both_engines_are_known_by_name() -> None:
    assert engines.ENGINES == ("native", "pyas2lib")
    engine = engines.get_engine("pyas2lib")
    assert (engine.name, engine.streams) == ("pyas2lib", False)
    assert engines.get_engine("pyas2lib") is engine
    assert engines.get_engine().streams


# The stand-in --------------------------------------------------------------------------------


def test_content_keys_are_unwrapped() -> None:
    wrapped = asymmetric.rsa_pkcs1v15_encrypt(CERTIFICATE, b"k" * 16)
    assert asymmetric.rsa_pkcs1v15_decrypt(KEY, wrapped) == b"k" * 16
    assert asymmetric.rsa_pkcs1v15_decrypt(KEY, wrapped.lstrip(b"\0")) == b"k" * 16
    sha1 = hashes.SHA1()
    oaep = CERTIFICATE.public_key.encrypt(b"k" * 16, padding.OAEP(padding.MGF1(sha1), sha1, None))
    assert asymmetric.rsa_oaep_decrypt(KEY, oaep) == b"k" * 16


@pytest.mark.parametrize("octets", [b"", b"\x01", bytes(256), b"\x7f" * 256, b"\xff" * 300])
def test_no_octets_say_what_the_private_key_made_of_them(octets: bytes) -> None:
    for open_key in (asymmetric.rsa_pkcs1v15_decrypt, asymmetric.rsa_oaep_decrypt):
        first, second = open_key(KEY, octets), open_key(KEY, octets)
        assert (len(first), len(second)) == (16, 16)


def test_a_content_key_of_another_size_is_replaced() -> None:
    wrapped = asymmetric.rsa_pkcs1v15_encrypt(CERTIFICATE, b"k" * 32)
    found = asymmetric.rsa_pkcs1v15_decrypt(KEY, wrapped)
    assert len(found) == 16
    assert found != asymmetric.rsa_pkcs1v15_decrypt(KEY, wrapped)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_signatures_are_verified(name: str) -> None:
    signature = asymmetric.rsa_pkcs1v15_sign(OURS.rsa_key, b"data", name)
    asymmetric.rsa_pkcs1v15_verify(CERTIFICATE, signature, b"data", name)
    with pytest.raises(InvalidSignature):
        asymmetric.rsa_pkcs1v15_verify(CERTIFICATE, signature, b"date", name)
    with pytest.raises(InvalidSignature):
        asymmetric.rsa_pss_verify(CERTIFICATE, signature, b"data", name)


def test_pss_signatures_are_verified() -> None:
    digest = hashes.SHA256()
    pss = padding.PSS(padding.MGF1(digest), 32)
    signature = OURS.rsa_key.sign(b"data", pss, digest)
    asymmetric.rsa_pss_verify(CERTIFICATE, signature, b"data", "sha256")
    with pytest.raises(InvalidSignature):
        asymmetric.rsa_pss_verify(CERTIFICATE, signature, b"date", "sha256")


def test_only_certificates_of_rsa_keys_are_taken() -> None:
    loaded = asymmetric.load_certificate(OURS.certificate.der)
    assert loaded.asn1.dump() == OURS.certificate.der
    with pytest.raises(ValueError, match="has no RSA key"):
        asymmetric.load_certificate(identity("curved", "p256").certificate.der)


CIPHERS = {
    "aes": (symmetric.aes_cbc_pkcs7_encrypt, symmetric.aes_cbc_pkcs7_decrypt, 16, 16),
    "3des": (symmetric.tripledes_cbc_pkcs5_encrypt, symmetric.tripledes_cbc_pkcs5_decrypt, 24, 8),
}


@pytest.mark.parametrize("size", [0, 7, 8, 16, 1000])
@pytest.mark.parametrize("name", CIPHERS)
def test_ciphers_pad_and_take_the_padding_off(name: str, size: int) -> None:
    encrypt, decrypt, key_size, block = CIPHERS[name]
    key = util.rand_bytes(key_size)
    vector, sealed = encrypt(key, b"x" * size, None)
    assert (len(vector), len(sealed)) == (block, size // block * block + block)
    assert decrypt(key, sealed, vector) == b"x" * size
    assert encrypt(key, b"x" * size, vector) == (vector, sealed)
    with pytest.raises(ValueError):  # noqa: PT011  its words are those of cryptography
        decrypt(key, sealed[:-1], vector)
