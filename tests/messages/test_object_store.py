"""The store in a bucket: a real S3 service on loopback, looked into with boto3 alone."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from boto3.exceptions import S3UploadFailedError
from django.utils import timezone
from pytest_django import Settings

from messages import object_store, processing, sweeping
from messages.models import Delivery, Message
from messages.object_store import Bucket, ObjectStore
from messages.store import Kind, Store, commit_all, get_store
from partners.models import Connection
from tests import services
from tests.messages.sender import asking_async, message

SMALL = b"UNA:+.? '"
LARGE = bytes(range(256)) * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with services.s3_server() as url:
        yield url


@pytest.fixture
def url(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in services.S3_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return services.create_bucket(server)


@pytest.fixture
def store(url: str, tmp_path: Path) -> ObjectStore:
    return object_store.open_store(tmp_path / "store", url)


def objects(url: str, server: str) -> dict[str, bytes]:
    """What lies in the bucket, by its whole name."""
    client, bucket = services.s3_client(server), urlsplit(url).netloc
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", ())
    return {
        entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in listed
    }


def spooled(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def put(store: Store, content: bytes, kind: Kind = Kind.RAW) -> str:
    with store.writer(kind) as writer:
        writer.write(content)
        writer.commit()
    return writer.key


@pytest.mark.parametrize("content", [b"", SMALL, LARGE])
def test_what_is_committed_is_an_object(
    store: ObjectStore, url: str, server: str, content: bytes
) -> None:
    key = put(store, content)
    assert objects(url, server) == {f"as2/{key}": content}
    assert (b"".join(store.chunks(key)), store.size(key)) == (content, len(content))
    assert spooled(store) == []


def test_a_large_file_goes_up_in_parts_and_is_whole(
    store: ObjectStore, url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_ONE_REQUEST", 1000)
    key = put(store, LARGE)
    assert hashlib.sha256(objects(url, server)[f"as2/{key}"]).digest() == (
        hashlib.sha256(LARGE).digest()
    )


def test_a_large_file_that_is_refused_is_an_os_error(
    store: ObjectStore, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_ONE_REQUEST", 1000)
    other = ObjectStore(store.root, Bucket("nobody", endpoint=server, region="us-east-1"))
    with pytest.raises(OSError, match="does not take it"):
        put(other, LARGE)
    assert spooled(other) == []


def test_a_file_goes_up_without_being_read_into_memory(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded: list[object] = []
    upload = store._client.put_object

    def noted(**given: object) -> object:
        uploaded.append(given["Body"])
        return upload(**given)

    monkeypatch.setattr(store._client, "put_object", noted)
    assert b"".join(store.chunks(put(store, LARGE))) == LARGE
    assert [type(body) for body in uploaded] == [BufferedReader]


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_what_is_not_committed_is_nowhere(
    store: ObjectStore, url: str, server: str, content: bytes
) -> None:
    with store.writer(Kind.RAW) as writer:
        writer.write(content)
        assert b"".join(writer.chunks()) == content
    assert (objects(url, server), spooled(store)) == ({}, [])
    with pytest.raises(FileNotFoundError):
        store.open(writer.key)


def test_several_are_committed_together_and_read_back(store: ObjectStore) -> None:
    with store.writer(Kind.RAW) as first, store.writer(Kind.MDN) as second:
        first.write(LARGE)
        second.write(SMALL)
        commit_all([first, second])
        assert b"".join(first.chunks()) == LARGE
    with store.open(second.key) as file:
        assert file.read(3) + file.read() == SMALL


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ObjectStore) -> None:
    key = put(store, SMALL)
    store.delete(key)
    store.delete(key)
    with pytest.raises(FileNotFoundError):
        store.size(key)


def test_only_what_is_gone_from_a_bucket_that_answers_is_lost(
    store: ObjectStore, server: str
) -> None:
    key = put(store, SMALL)
    assert not store.has_lost(key)
    store.delete(key)
    assert store.has_lost(key)
    nobody = Bucket("nobody", endpoint=server, region="us-east-1")
    gone = Bucket("as2", endpoint=f"http://127.0.0.1:{services.free_port()}", region="us-east-1")
    for bucket in (nobody, gone):
        assert not ObjectStore(store.root, bucket).has_lost(key)


def test_a_service_that_is_away_is_an_os_error(url: str, tmp_path: Path) -> None:
    del url  # its credentials are in the environment
    gone = f"http://127.0.0.1:{services.free_port()}"
    bucket = Bucket("gone", endpoint=gone, region="us-east-1")
    store = ObjectStore(tmp_path / "store", bucket)
    store.root.mkdir()
    with pytest.raises(OSError, match="cannot be reached"):
        put(store, SMALL)
    with pytest.raises(OSError, match="cannot be reached"):
        store.probe()


def test_a_bucket_that_is_not_there_is_said(store: ObjectStore, server: str) -> None:
    store.root.mkdir()
    store.probe()
    other = ObjectStore(store.root, Bucket("nobody", endpoint=server, region="us-east-1"))
    with pytest.raises(OSError, match="nobody"):
        other.probe()


@pytest.mark.parametrize("url", ["file:///x", "s3://", "s3://b/p?secret=1", "b/p"])
def test_a_url_that_is_none_is_explained(url: str) -> None:
    with pytest.raises(ValueError, match="write s3://bucket/prefix"):
        Bucket.parse(url)


def test_a_url_says_where_objects_are() -> None:
    assert Bucket.parse("s3://b/x/y?endpoint=https://s3.example&region=r") == Bucket(
        "b", "x/y/", "https://s3.example", "r"
    )
    assert Bucket.parse("s3://b") == Bucket("b")


def test_nothing_but_a_key_of_ours_names_an_object(store: ObjectStore) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.open("../other/2026/01/01/x.raw")


@pytest.fixture
def in_bucket(home: Path, url: str, settings: Settings) -> ObjectStore:
    del home
    settings.AS2_STORE_URL = url
    opened = get_store()
    assert isinstance(opened, ObjectStore)
    return opened


@pytest.mark.django_db
@pytest.mark.usefixtures("connection", "in_bucket")
def test_a_message_is_received_into_the_bucket(url: str, server: str) -> None:
    reply = message().send()
    row = Message.objects.get()
    assert reply.status == 200
    kinds = sorted(name.rpartition(".")[2] for name in objects(url, server))
    assert kinds == ["mdn", "payload", "raw"]
    assert hashlib.sha256(objects(url, server)[f"as2/{row.payload_key}"]).hexdigest() == (
        row.payload_sha256
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("connection", "home")
def test_a_bucket_that_is_away_has_the_sender_come_again(
    settings: Settings, url: str, tmp_path: Path
) -> None:
    del url
    gone = f"http://127.0.0.1:{services.free_port()}"
    settings.AS2_STORE_URL = f"s3://gone/{tmp_path.name}?endpoint={gone}&region=us-east-1"
    assert message().send().status == 503
    assert (Message.objects.count(), Delivery.objects.count()) == (0, 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("connection")
def test_a_bucket_that_refuses_a_large_document_makes_no_message_poisonous(
    in_bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_async(payload=LARGE).send()
    row = Message.objects.get()
    monkeypatch.setattr(object_store, "_ONE_REQUEST", 1000)
    refused = S3UploadFailedError("An error occurred (SlowDown) when calling CreateMultipartUpload")
    with monkeypatch.context() as patch:
        patch.setattr(in_bucket._client, "upload_file", Mock(side_effect=refused))
        for _ in range(4):
            Message.objects.update(due_at=timezone.now())
            processing.process(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("received", 0)
    assert "SlowDown" in row.failure_text
    Message.objects.update(due_at=timezone.now())
    processing.process(row.pk)
    assert Message.objects.get().state == "accepted"


@pytest.mark.django_db
@pytest.mark.usefixtures("connection")
def test_a_message_whose_request_is_gone_from_the_bucket_is_set_aside(in_bucket: Store) -> None:
    asking_async().send()
    in_bucket.delete(Message.objects.get().raw_key)
    processing.process(Message.objects.get().pk)
    row = Message.objects.get()
    assert (row.state, row.failure_code, row.due_at) == ("rejected", "request-missing", None)


@pytest.mark.django_db
def test_orphans_of_an_old_day_are_swept(
    in_bucket: Store, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    del connection
    message().send()
    orphan = put(in_bucket, SMALL, Kind.PAYLOAD)
    days = [*in_bucket.days()]  # one, unless midnight has passed
    assert len([key for day in days for key in in_bucket.files_of(day)]) == 4
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=9)
    monkeypatch.setattr("messages.store.time.time", later.timestamp)
    week = dt.timedelta(days=7)
    assert sum(in_bucket.sweep_orphans(week, sweeping.named_keys) for _ in days) == 1
    assert orphan not in in_bucket.files_of(orphan.rpartition("/")[0])
    assert in_bucket.sweep_orphans(week, sweeping.named_keys) == 0
