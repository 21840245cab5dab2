"""Connection: one AS2 relationship between an organization of ours and a partner."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from as2gateway.algorithms import Compression, KeyTransport, SignatureScheme
from as2gateway.compliance.facts import Trust
from as2gateway.engines import DEFAULT_ENGINE, get_engine
from as2gateway.policy import MDNMode
from as2gateway.quirks import QuirkError, Quirks, from_plain
from partners.compliance.profiles import profile_choices
from partners.encryption import KeyRingError, SecretField
from partners.models.choices import (
    ENCRYPT_CHOICES,
    SIGN_CHOICES,
    TRUST_CHOICES,
    ConnectionState,
    Environment,
)
from partners.models.credentials import Credentials, origin_of
from partners.models.keys import KeyPair
from partners.models.organizations import Organization, validate_as2_name
from partners.models.partners import Partner
from partners.models.routes import Route
from partners.models.shapes import shape_of
from partners.models.validators import (
    LONGEST_DAYS,
    LONGEST_SMALL,
    validate_authorities,
    validate_content_type,
    validate_pins,
    validate_platform,
    validate_quirks,
    validate_url,
    validate_user,
)


class Connection(models.Model):
    """Names, address and security settings of one AS2 relationship."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="connections")
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="connections")
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.TEST)
    state = models.CharField(
        max_length=10, choices=ConnectionState, default=ConnectionState.ACTIVE, db_index=True
    )
    as2_id = models.CharField(
        "partner's AS2 id",
        max_length=128,
        validators=[validate_as2_name],  # RFC 4130 §6.2
    )
    url = models.CharField(
        "URL",
        max_length=2000,
        validators=[validate_url],
        help_text="Where we POST messages to.",
    )
    url_user = models.CharField(
        "user name",
        max_length=200,
        blank=True,
        validators=[validate_user],
        help_text="Where their server asks for a password (HTTP Basic). Over http:// whoever is on "
        "the way reads it.",
    )
    #: write-only; sent to ``url_password_for`` and nowhere else, neither with MDNs
    url_password = SecretField(null=True, blank=True, editable=False)
    url_password_for = models.CharField(max_length=300, blank=True, editable=False)
    url_password_set_at = models.DateTimeField(null=True, blank=True, editable=False)

    sign = models.CharField(max_length=10, choices=SIGN_CHOICES, default="sha-256")
    encrypt = models.CharField(max_length=15, choices=ENCRYPT_CHOICES, default="aes-128-cbc")
    compress = models.CharField(
        max_length=15, choices=[(c.value, c.value) for c in Compression], default=Compression.NONE
    )
    key_transport = models.CharField(
        max_length=20,
        choices=[(k.value, k.value) for k in KeyTransport],
        default=KeyTransport.RSA_V15,
        help_text="How the content key is encrypted to the partner. Every product reads PKCS#1 "
        "v1.5; mendelson and Microsoft's also OAEP, rsa-oaep-sha1 if they know its defaults only.",
    )
    signature_scheme = models.CharField(
        max_length=20,
        choices=[(s.value, s.value) for s in SignatureScheme],
        default=SignatureScheme.RSA_V15,
        help_text="How RSA keys sign messages and MDNs. Every product reads PKCS#1 v1.5; "
        "mendelson and phase2 also PSS. Elliptic keys always sign by ECDSA.",
    )
    announce_features = models.BooleanField(
        "tell features",
        default=False,
        help_text="Say EDIINT-Features and AS2 version 1.2 in messages and MDNs (RFC 6017): "
        "mendelson and webMethods look at them; some old products refuse version 1.2.",
    )
    mdn = models.CharField(
        "MDN", max_length=5, choices=[(m.value, m.value) for m in MDNMode], default=MDNMode.SYNC
    )
    mdn_signed = models.BooleanField("signed MDN", default=True)

    require_signature = models.BooleanField(
        default=True, help_text="Refuse unsigned messages from this partner."
    )
    require_encryption = models.BooleanField(
        default=True, help_text="Refuse unencrypted messages from this partner."
    )
    accept_sha1 = models.BooleanField(
        "accept SHA-1", default=False, help_text="Old partners only: SHA-1 signatures are weak."
    )
    accept_3des = models.BooleanField(
        "accept 3DES", default=False, help_text="Old partners only: triple DES is weak."
    )
    require_signed_attributes = models.BooleanField(
        default=True,
        help_text="Refuse signatures without signed attributes, which can be made ambiguous.",
    )

    max_size = models.PositiveBigIntegerField(
        "largest message",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Bytes of a request from this partner; more is refused with 413. Empty takes the "
        "installation's (AS2_MAX_BODY), which is never exceeded.",
    )
    quirks = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_quirks],
        help_text="Special needs of the partner's software, all off at first.",
    )

    tls_trust = models.CharField(
        "trusted TLS certificates",
        max_length=10,
        choices=TRUST_CHOICES,
        default=Trust.MOZILLA.value,
        help_text="Which certificates of their server are accepted: those under Mozilla's "
        "authorities, under authorities given here, or only those pinned here.",
    )
    tls_ca = models.TextField(
        "TLS authorities",
        blank=True,
        validators=[validate_authorities],
        help_text="For custom-ca: one or more certificates in PEM.",
    )
    tls_pins = models.TextField(
        "pinned TLS certificates",
        blank=True,
        validators=[validate_pins],
        help_text="For pinned: SHA-256 fingerprints of certificates. Those below that have the "
        "use TLS count as well.",
    )
    tls_client_key = models.ForeignKey(
        KeyPair,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tls_connections",
        verbose_name="TLS client key",
        help_text="By which their server knows us, where it asks for a client certificate.",
    )

    content_type = models.CharField(
        max_length=200, default="application/EDI-X12", validators=[validate_content_type]
    )
    subject = models.CharField(max_length=200, blank=True)
    profile = models.CharField(
        "compliance profile",
        max_length=100,
        blank=True,
        choices=profile_choices,
        help_text="What this partner asks for; settings that fall short are refused or marked.",
    )
    provider = models.CharField(
        "EDI provider or VAN",
        max_length=200,
        blank=True,
        help_text="Who manages this connection for us, if not we ourselves.",
    )
    provider_access = models.BooleanField(
        "provider has access",
        default=False,
        help_text="The provider has access to our account with the partner.",
    )
    platform = models.CharField(
        "their platform",
        max_length=60,
        blank=True,
        validators=[validate_platform],
        help_text="What their server or our integration runs, if you know: .NET 4.8, Java 8, "
        "OpenSSL 1.1.1. Profiles judge whether it can do TLS 1.2 by itself.",
    )
    payment = models.BooleanField(
        "payment endpoint",
        default=False,
        help_text="Payments go this way: profiles then ask for more of its TLS.",
    )
    engine = models.CharField(
        max_length=20, blank=True, help_text="Empty takes the installation's (AS2_ENGINE)."
    )

    max_attempts = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="POSTs of one message before it fails.",
    )
    first_gap_minutes = models.PositiveSmallIntegerField(
        default=5,  # REL-03: 5, 10, 20, 40 minutes …
        validators=[MinValueValidator(1), MaxValueValidator(1440)],
        help_text="Minutes to the second attempt; each further gap is twice as long.",
    )
    connect_timeout = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SMALL)],
        help_text="Seconds until the partner's server has to take the connection.",
    )
    response_timeout = models.PositiveSmallIntegerField(
        default=120,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SMALL)],
        help_text="Seconds without a byte.",
    )
    mdn_wait_minutes = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(43_200)],  # thirty days
        help_text="How long an async MDN may take before the message is sent again.",
    )
    parallel = models.PositiveSmallIntegerField(
        "parallel sends", default=4, validators=[MinValueValidator(1), MaxValueValidator(64)]
    )
    keep_days = models.PositiveIntegerField(
        "days to keep documents",
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_DAYS)],
        help_text="After that payloads and raw requests are purged; facts, digests and MDNs stay. "
        "0 keeps them for ever, empty takes the installation's (AS2_KEEP_DAYS).",
    )
    acknowledge_hours = models.PositiveIntegerField(
        "hours to an acknowledgement",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(8760)],  # a year
        help_text="Within them this partner answers each document of ours with a functional "
        "acknowledgement (997, 999, CONTRL); the start page shows what is late. Empty: none come.",
    )
    silent_days = models.PositiveSmallIntegerField(
        "days of silence",
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_SMALL)],
        help_text="Without a document from this partner for so long, the start page shows it. "
        "Empty: when it is silent against its own habit; 0: never.",
    )
    ordered = models.BooleanField(
        "strict order", default=False, help_text="One message at a time, oldest first."
    )
    mdn_hosts = models.CharField(
        "hosts for async MDNs",
        max_length=500,
        blank=True,
        help_text="Hosts besides the URL's to which this partner may have MDNs sent, by comma.",
    )
    restart = models.BooleanField(
        "AS2 Restart",
        default=False,
        help_text="A large message that was cut goes on where it stopped, both ways. "
        "The partner's software must know AS2 Restart.",
    )
    certificate_exchange = models.BooleanField(
        "certificate exchange messages",
        default=False,
        help_text="Take certificates that this partner sends in signed messages, for you to "
        "accept or refuse, and send them ours. Nothing is trusted by itself, unless the "
        "next switch says so.",
    )
    delivery = models.CharField(
        max_length=10,
        choices=Route,
        default=Route.FOLDER,
        help_text="How documents reach the business side: in a folder of the inbox, or kept until "
        "it fetches and acknowledges them by the API.",
    )
    accept_certificates = models.BooleanField(
        "accept them by itself",
        default=False,
        help_text="Trust what comes so at once, without anybody's look (CEM): only the key that is "
        "replaced vouches for it, so whoever has stolen that one may bring his own.",
    )
    duplicate_days = models.PositiveIntegerField(
        "days to know duplicates",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_DAYS)],
        help_text="After them a Message-ID may come again with another document: partners who "
        "begin to count anew. Longer than anybody resends; 30 will do. Empty: never.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["partner", "environment", "as2_id"]
        constraints = [
            # A message is told apart by its two AS2 names (RFC 4130 §6.2).
            models.UniqueConstraint(
                fields=["organization", "as2_id"], name="connection_names_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization.as2_id} → {self.as2_id}"

    def clean(self) -> None:
        """Refuse settings that could never deliver; the admin shows these by field."""
        # A form may leave the organization out; its own message says so.
        if hasattr(self, "organization") and self.as2_id == self.organization.as2_id:
            self._check_own_name()
        if self.tls_trust == Trust.CUSTOM_CA and not self.tls_ca.strip():
            raise ValidationError({"tls_ca": "Trust custom-ca needs an authority's certificate."})
        if hasattr(self, "organization") and self.tls_client_key is not None:
            self._check_client_key(self.tls_client_key)
        self._check_password()
        self._check_engine()

    @property
    def needs(self) -> Quirks:
        """The special needs of the partner's software, as the core takes them."""
        return from_plain(self.quirks)

    @property
    def credentials(self) -> Credentials | None:
        """What goes with each message to the URL; None without, or if it was for another server.

        Raises KeyRingError.
        """
        if self.url_password is None or self.url_password_for != origin_of(self.url):
            return None
        return Credentials(self.url_user, self.url_password.open().decode())

    def keeps_password(self, password: str, url: str) -> bool:
        """Whether this password, or none, is what is kept for the server of a URL."""
        if self.url_password is None or not password:
            return self.url_password is None and not password
        try:
            known = self.url_password.open().decode()
        except KeyRingError:
            return False  # it is sealed anew by a key that is there
        return known == password and self.url_password_for == origin_of(url)

    def _check_own_name(self) -> None:
        """Refuse our own name for the partner's, unless a loop-back is meant (MDN-20)."""
        # Whether they can be read at all, their own validator says.
        if not (isinstance(self.quirks, dict) and self.quirks.get("own_name")):
            raise ValidationError({"as2_id": "The partner's AS2 id must differ from our own."})

    def _check_password(self) -> None:
        if self.url_password is None:
            return
        if not self.url_user:
            raise ValidationError({"url_user": "A password needs a user name."})
        if self.url_password_for != origin_of(self.url):
            text = f"The password is for {self.url_password_for}: give it again for another server."
            raise ValidationError({"url": text})

    def _check_engine(self) -> None:
        """Refuse an engine that does not exist, or cannot do what is set here."""
        try:
            engine = get_engine(self.engine or settings.AS2_ENGINE)
            engine.check(shape_of(self))
        except QuirkError:
            return  # its own validator says so
        except ValueError as error:
            raise ValidationError({"engine": str(error)}) from error
        # The scheme goes with the key, which is not known here.
        if self.signature_scheme == SignatureScheme.RSA_PSS and engine.name != DEFAULT_ENGINE:
            text = f"The engine {engine.name} signs by {SignatureScheme.RSA_V15} only."
            raise ValidationError({"signature_scheme": text})

    def _check_client_key(self, pair: KeyPair) -> None:
        if pair.organization != self.organization:
            text = f"This key pair is not one of {self.organization.as2_id}."
            raise ValidationError({"tls_client_key": text})
