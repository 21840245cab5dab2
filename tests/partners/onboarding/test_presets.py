"""Presets: every value is one that a connection can have, and says where it comes from."""

import pytest
from django.utils import timezone

from as2gateway.compliance.findings import Verdict, verdict_of
from partners.applying.reader import Place, Scalar
from partners.applying.readers import column
from partners.compliance.cases import Case
from partners.compliance.evaluating import evaluate_case
from partners.models import Connection
from partners.presets import Preset, PresetError, known_presets, preset
from partners.presets.reading import parse
from tests import factories
from tests.partners.applying import Folder

PRESETS = list(known_presets().values())

#: what a preset decides; the rest of a profile is about certificates and endpoints
SETTINGS = {"sign", "encrypt", "compress", "mdn", "mdn_signed", "content_type"}

GOOD = """\
name = "x"
title = "X"
version = "1"
about = "A product."
[sources]
manual = { title = "Its manual" }
[[values]]
field = "sign"
value = "sha-256"
why = "It says so."
source = "manual"
"""


TWICE = """\
[[values]]
field = "sign"
value = "none"
why = "Somebody else says so."
source = "manual"
[[values]]"""


def test_the_products_that_people_ask_for_are_there() -> None:
    wanted = "amazon-vendor walmart as2-modern ibm-sterling mendelson openas2 phase2 sap biztalk"
    assert {*wanted.split(), "aws-transfer"} == set(known_presets())


@pytest.mark.parametrize("each", PRESETS, ids=lambda each: each.name)
def test_every_value_fits_its_column(each: Preset) -> None:
    for value in each.values:
        field = Connection._meta.get_field(value.field)
        text = str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
        assert column(field)(Scalar(Place(1, ""), text)) == value.value  # type: ignore[arg-type]  # a column
        assert value.why
        assert value.source.title


@pytest.mark.parametrize("each", PRESETS, ids=lambda each: each.name)
def test_every_preset_says_something(each: Preset) -> None:
    assert each.values or each.notes
    assert each.version <= "2026-11-25"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["amazon-vendor", "walmart", "as2-modern"])
def test_a_preset_meets_the_settings_of_its_own_profile(name: str) -> None:
    chosen = preset(name)
    assert chosen is not None
    row = factories.connection(url="https://as2.partner.example/")
    for field, value in chosen.settings.items():
        setattr(row, field, value)
    row.save()
    findings = evaluate_case(Case.stored(row), timezone.now())
    about_settings = [each for each in findings if each.field in SETTINGS]
    assert about_settings
    assert verdict_of(about_settings) is not Verdict.ERROR


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('name = "x"', 'nmae = "x"', "unknown: nmae"),
        ('title = "X"\n', "", "missing or not among the sources: 'title'"),
        ('source = "manual"', 'source = "rumour"', "'rumour'"),
        ("[sources]", "[sources", "no TOML"),
        ('{ title = "Its manual" }', '{ name = "Its manual" }', "not as a preset is written"),
        ("[[values]]", TWICE, "twice"),
    ],
)
def test_a_preset_with_a_mistake_is_refused(old: str, new: str, text: str) -> None:
    assert parse(GOOD).settings == {"sign": "sha-256"}
    assert old in GOOD
    with pytest.raises(PresetError, match=text.replace("(", r"\(")):
        parse(GOOD.replace(old, new, 1))


@pytest.mark.django_db
def test_apply_takes_from_a_preset_what_the_file_does_not_say(folder: Folder) -> None:
    folder.change(
        ("        sign: sha-256\n", "        preset: amazon-vendor\n"),
        ("encrypt: aes-128-cbc", "encrypt: aes-256-cbc"),
    )
    folder.apply()
    row = Connection.objects.get()
    assert (row.profile, row.sign, row.encrypt) == ("amazon-vendor-as2", "sha-256", "aes-256-cbc")


@pytest.mark.django_db
def test_apply_names_the_presets_it_knows(folder: Folder) -> None:
    folder.change(("sign: sha-256", "preset: amazn"))
    (mistake,) = folder.mistakes()
    assert '"amazn" is not one of amazon-vendor' in mistake
