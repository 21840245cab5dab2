"""Materials: the key and certificate files that a file of settings names."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from as2gateway.certificates import Certificate
from partners import importing
from partners.applying.reader import Mistake, Place
from partners.applying.readers import Settings
from partners.importing import KeyFileError, KeyMaterial

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Files:
    """Where files and secrets come from: paths are relative to the file of settings.

    A command may run under an account that can read more than the user whom it acts for: for users
    who see some connections only it reads what lies with the file of settings, and no variables.
    """

    directory: Path
    environ: Mapping[str, str]
    now: dt.datetime
    #: whether it is read for such a user
    confined: bool = False

    def key_material(self, settings: Settings) -> KeyMaterial:
        """Read the private key and certificate of a key pair; raises Mistake."""
        password = self.secret(settings, "password")
        if "pkcs12" in settings.places:
            material = self._pkcs12(settings, password)
            place = settings.place_of("pkcs12")
        else:
            material = self._pem(settings, password)
            place = settings.place_of("certificate")
        self._check(settings, place, material.certificate)
        return material

    def secret(self, settings: Settings, name: str) -> str | None:
        """Take a password, or another secret, out of the settings; None where there is none.

        It stands there itself, in a variable of the environment or in a file. Raises Mistake.
        """
        from_environment, from_file = f"{name}_env", f"{name}_file"
        given = {
            each: settings.values.pop(each)
            for each in (name, from_environment, from_file)
            if each in settings.values
        }
        if len(given) > 1:
            raise Mistake(settings.place_of(list(given)[1]), f"give only one of {', '.join(given)}")
        if from_environment in given:
            place = settings.place_of(from_environment)
            if self.confined:
                text = "variables of the environment are for users who see all connections"
                raise Mistake(place, f"{text}: give {name} or {from_file}")
            return self._from_environment(place, given[from_environment])
        if from_file in given:
            data = self._read(settings.place_of(from_file), given[from_file], "the file named here")
            return data.decode("utf-8", "replace").rstrip("\r\n")
        return given.get(name)

    def certificate(self, settings: Settings) -> Certificate:
        """Read a partner's certificate; raises Mistake."""
        certificate = self._parse(settings, "file", importing.read_certificate)
        self._check(settings, settings.place_of("file"), certificate)
        return certificate

    def _pkcs12(self, settings: Settings, password: str | None) -> KeyMaterial:
        for other in ("private_key", "certificate"):
            if other in settings.places:
                raise Mistake(settings.place_of(other), "the pkcs12 file brings this: leave it out")
        return self._parse(settings, "pkcs12", lambda data: importing.read_pkcs12(data, password))

    def _pem(self, settings: Settings, password: str | None) -> KeyMaterial:
        missing = [name for name in ("private_key", "certificate") if name not in settings.places]
        if missing:
            words = " and ".join(f'"{name}"' for name in missing)
            raise Mistake(
                settings.place,
                f'missing: {words}; give "private_key" and "certificate", or "pkcs12"',
            )
        key = self._parse(
            settings, "private_key", lambda data: importing.read_private_key(data, password)
        )
        return self._parse(
            settings,
            "certificate",
            lambda data: importing.pair(key, importing.read_certificates(data)),
        )

    def _parse(self, settings: Settings, name: str, parse: Callable[[bytes], Read]) -> Read:
        place = settings.place_of(name)
        file = settings.values.pop(name)
        try:
            return parse(self._read(place, file))
        except KeyFileError as error:
            raise Mistake(place, f"{file}: {error}") from error

    def _read(self, place: Place, name: str, shown: str = "") -> bytes:
        """Read a small file; ``shown`` stands for a name that may be a secret, by mistake."""
        shown = shown or name
        try:
            with self._path(place, name, shown).open("rb") as file:
                data = file.read(importing.MAX_SIZE + 1)
        except OSError as error:
            raise Mistake(place, f"{shown}: {error.strerror}") from error
        if len(data) > importing.MAX_SIZE:
            raise Mistake(place, f"{shown}: far too large for a key or certificate")
        return data

    def _path(self, place: Place, name: str, shown: str) -> Path:
        """Find a file; for a confined user only below the folder, wherever links lead."""
        path = self.directory / name
        if not self.confined:
            return path
        path = path.resolve()
        if not path.is_relative_to(self.directory.resolve()):
            text = "files elsewhere are for users who see all connections: put it beside this one"
            raise Mistake(place, f"{shown}: {text}")
        return path

    def _check(self, settings: Settings, place: Place, certificate: Certificate) -> None:
        retires_at = settings.values.get("retires_at")
        # What has been retired may stay in the file as history.
        if retires_at is not None and retires_at <= self.now:
            return
        try:
            importing.check_certificate(certificate, self.now)
        except KeyFileError as error:
            raise Mistake(place, str(error)) from error

    def _from_environment(self, place: Place, name: str) -> str:
        if name not in self.environ:
            # Not by its name: somebody may have written the secret itself there.
            raise Mistake(place, "the environment has no variable of the name given here")
        return self.environ[name]
