"""The store in a bucket of an S3 service, for several hosts that share one.

A file is written to the quarantine of this host and uploaded when it is committed: an object is
there whole or not at all, and durable when the service has answered. What the service cannot do is
an OSError here, as a broken disk would be, so a sender is asked to come again.
"""

import base64
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Self, cast
from urllib.parse import parse_qs, urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from messages import failpoints
from messages.store import CHUNK, SWEPT, Kind, Store, StoredFile, Writer, check_key, is_key

#: Bytes up to which a file is uploaded by one request, with its digest checked by the service.
_ONE_REQUEST = 64 * 1024 * 1024
#: One part at a time: memory stays bounded, and several messages are uploaded beside each other.
_PARTS = TransferConfig(multipart_threshold=_ONE_REQUEST, use_threads=False)
#: Seconds.
_CONFIG = {"connect_timeout": 5, "read_timeout": 60, "retries": {"mode": "standard"}}
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects are: ``s3://bucket/prefix?endpoint=https://…&region=…``.

    Credentials come as the AWS SDKs take them: from the environment, a file, or the host's role.
    """

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read the URL. Raises ValueError, in words for an operator."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        unknown = query.keys() - {"endpoint", "region"}
        if parts.scheme != "s3" or not parts.hostname or unknown:
            raise ValueError(
                f"AS2_STORE_URL is {url!r}: write s3://bucket/prefix, and if need be "
                "?endpoint=https://host and &region=name behind it"
            )
        prefix = parts.path.strip("/")
        endpoint, region = (query.get(name, [None])[0] for name in ("endpoint", "region"))
        return cls(parts.netloc, f"{prefix}/" if prefix else "", endpoint, region)


class ObjectWriter(Writer):
    """A file that becomes an object."""

    store: "ObjectStore"

    def upload(self) -> None:
        """Make it an object under its key."""
        failpoints.hit("fs.fsync")
        self.store.put(self)
        self._settle()
        self.close()
        self._path.unlink(missing_ok=True)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Read back what has been written, from the bucket once it is there."""
        return self.store.chunks(self.key, size) if self.committed else super().chunks(size)

    @property
    def spooled(self) -> Path | None:
        """The file that has the octets; None while they are in memory."""
        if self._file is None:
            return None
        self._file.flush()
        return self._path

    def body(self) -> BinaryIO:
        """Open what has been written, for reading."""
        path = self.spooled
        return BytesIO(b"".join(self._pieces)) if path is None else path.open("rb")

    @property
    def checksum(self) -> str:
        """SHA-256 as S3 takes it."""
        return base64.b64encode(self._digest.digest()).decode()


class ObjectStore(Store):
    """Files in a bucket; those that are being written are on this host."""

    syncs = False

    def __init__(self, root: Path, bucket: Bucket) -> None:
        super().__init__(root)
        self._bucket = bucket
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            config=Config(**_CONFIG, request_checksum_calculation="when_required"),
        )

    def writer(self, kind: Kind) -> ObjectWriter:
        """Begin a file."""
        return ObjectWriter(self, kind)

    def commit(self, batch: Sequence[Writer]) -> None:
        """Upload files. Raises OSError; then those uploaded before are orphans, to be swept."""
        for writer in batch:
            cast("ObjectWriter", writer).upload()

    def put(self, writer: ObjectWriter) -> None:
        """Upload one file."""
        bucket, key = self._place(writer.key)
        path = writer.spooled
        with _as_os_error(writer.key):
            if path is not None and writer.size > _ONE_REQUEST:
                extra = {"ChecksumAlgorithm": "SHA256"}
                self._client.upload_file(str(path), bucket, key, ExtraArgs=extra, Config=_PARTS)
                return
            with writer.body() as body:
                self._client.put_object(
                    Bucket=bucket, Key=key, Body=body, ChecksumSHA256=writer.checksum
                )

    def open(self, key: str) -> BinaryIO:
        """Open a committed file for reading; FileNotFoundError if it is gone."""
        bucket, name = self._place(key)
        with _as_os_error(key):
            answer = self._client.get_object(Bucket=bucket, Key=name)
        return cast("BinaryIO", _Body(key, answer["Body"]))

    def size(self, key: str) -> int:
        """Bytes of a file."""
        bucket, name = self._place(key)
        with _as_os_error(key):
            return int(self._client.head_object(Bucket=bucket, Key=name)["ContentLength"])

    def has_lost(self, key: str) -> bool:
        """Whether an object is gone while its bucket answers; a service that is away lost nothing.

        A missing bucket and a missing object look alike when an object is asked for.
        """
        try:
            self.size(key)
        except FileNotFoundError:
            with suppress(OSError):
                self._look_at_bucket()
                return True
        except OSError:
            return False
        return False

    def delete(self, key: str) -> None:
        """Remove a file if it is there; the caller sees to it that no row names it."""
        bucket, name = self._place(key)
        with _as_os_error(key):
            self._client.delete_object(Bucket=bucket, Key=name)

    def probe(self) -> None:
        """Write here and look at the bucket. Raises OSError if either cannot be done."""
        super().probe()
        self._look_at_bucket()

    def days(self) -> Iterator[str]:
        """The days that have files, as keys begin; the oldest first."""
        yield from self._folders("", 3)

    def files_of(self, day: str) -> dict[str, StoredFile]:
        """The files of one day by their keys."""
        found = {}
        start = len(self._bucket.prefix)
        for page in self._pages(f"{day}/"):
            for entry in page.get("Contents", ()):
                key = entry["Key"][start:]
                if is_key(key):
                    modified: dt.datetime = entry["LastModified"]
                    found[key] = StoredFile(entry["Size"], modified.timestamp())
        return found

    def _look_at_bucket(self) -> None:
        with _as_os_error(self._bucket.name):
            self._client.head_bucket(Bucket=self._bucket.name)

    def _folders(self, prefix: str, depth: int) -> Iterator[str]:
        if not depth:
            yield prefix.rstrip("/")
            return
        start = len(self._bucket.prefix)
        for page in self._pages(prefix, Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield from self._folders(entry["Prefix"][start:], depth - 1)

    def _pages(self, prefix: str, **more: str) -> Iterator[Any]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix + prefix, **more
        )
        with _as_os_error(prefix):
            yield from pages

    def _is_swept(self, day: str) -> bool:
        try:
            with _as_os_error(day):
                self._client.head_object(
                    Bucket=self._bucket.name, Key=f"{self._bucket.prefix}{day}/{SWEPT}"
                )
        except FileNotFoundError:
            return False
        return True

    def _mark_swept(self, day: str) -> None:
        with _as_os_error(day):
            self._client.put_object(
                Bucket=self._bucket.name, Key=f"{self._bucket.prefix}{day}/{SWEPT}", Body=b""
            )

    def _place(self, key: str) -> tuple[str, str]:
        check_key(key)
        return self._bucket.name, self._bucket.prefix + key


class _Body(RawIOBase):
    """The octets of an object as they come, for ``with`` and ``read``."""

    def __init__(self, key: str, stream: Any) -> None:
        self._key = key
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        with _as_os_error(self._key):
            data: bytes = self._stream.read(None if size < 0 else size)
        return data

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
        super().close()


@contextmanager
def _as_os_error(what: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise FileNotFoundError(f"{what} is not in the bucket") from error
        raise OSError(f"the bucket does not take it: {error}") from error
    except Boto3Error as error:  # what an upload in parts makes of a refusal
        raise OSError(f"the bucket does not take it: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"the bucket cannot be reached: {error}") from error


def open_store(root: Path, url: str) -> ObjectStore:
    """The store at a URL; files that are being written are below ``root``."""
    return ObjectStore(root, Bucket.parse(url))


__all__ = ["Bucket", "ObjectStore", "open_store"]
