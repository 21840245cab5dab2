"""Transfer: a large message that was cut on its way in, held until its sender goes on with it."""

from django.db import models

from messages.models.work import Work
from partners.models import Connection


class Transfer(Work):
    """One message that comes in parts (AS2 Restart, RST-07). ``due_at`` ahead: it is locked.

    It belongs to the connection, which stands for AS2-From and AS2-To, and to the sender's tag.
    """

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="transfers")
    #: the sender's strong entity-tag, with its quotes
    transfer_id = models.CharField(max_length=202)
    #: bytes of the whole message; null = not known yet
    total = models.BigIntegerField(null=True, blank=True)
    #: digest of the whole body once it is here, hexadecimal
    sha256 = models.CharField(max_length=64, blank=True)
    #: when octets were last kept: what nobody goes on with is forgotten
    kept_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "transfer_id"], name="transfer_id_once_a_connection"
            ),
        ]

    def __str__(self) -> str:
        return self.transfer_id

    @property
    def held(self) -> int:
        """Octets that are durable."""
        return sum(piece.octets for piece in self.pieces.all())


class TransferPiece(models.Model):
    """What came by one connection: a file of the store, of which the first ``octets`` count.

    The message that was made of a transfer may name the same file; then it is the message's.
    """

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="pieces")
    number = models.PositiveSmallIntegerField()
    part_key = models.CharField(max_length=100)
    octets = models.BigIntegerField()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["transfer", "number"], name="transfer_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.transfer_id}: {self.number}"
