"""The one folder that a gateway keeps: ``AS2_HOME`` and what lies in it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one gateway; two gateways with different homes share nothing."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file, unless DATABASE_URL names another database."""
        return self.root / "db.sqlite3"

    @property
    def store(self) -> Path:
        """Bytes of messages, under names of our own."""
        return self.root / "store"

    @property
    def inbox(self) -> Path:
        """Where received documents are handed over."""
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        """Where documents to send are dropped."""
        return self.root / "outbox"

    @property
    def profiles(self) -> Path:
        """Compliance profiles of our own partners, beside those that come with the gateway."""
        return self.root / "profiles"

    @property
    def broker(self) -> Path:
        """Wake-up calls to workers, unless REDIS_URL names a broker."""
        return self.root / "broker"

    @property
    def secrets(self) -> Path:
        """Secrets made on first start, readable by the owner only."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """Process ids, the lock of ``serve`` and beat's memory: worth nothing after a stop."""
        return self.root / "run"

    def create(self) -> None:
        """Make the folders that are missing, closed to others: documents are confidential."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.store, self.inbox, self.outbox, self.broker, self.secrets, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
