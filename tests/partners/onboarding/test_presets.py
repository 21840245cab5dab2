"""Presets: every value is one that a connection can have, and says where it comes from."""

import pytest
from django.utils import timezone

from as2gateway.compliance.findings import Verdict, verdict_of
from as2gateway.quirks import NAMES, from_plain
from partners.applying.reader import Place, Scalar
from partners.applying.readers import column
from partners.compliance.cases import Case
from partners.compliance.evaluating import evaluate_case
from partners.models import Connection
from partners.presets import Preset, PresetError, known_presets, preset
from partners.presets.reading import parse
from tests import factories
from tests.partners.applying import GOOD as GOOD_SETTINGS
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
        assert value.why
        assert value.source.title
        if value.quirk:
            assert value.quirk in NAMES
            continue
        field = Connection._meta.get_field(value.field)
        text = str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
        assert column(field)(Scalar(Place(1, ""), text)) == value.value  # type: ignore[arg-type]  # a column


@pytest.mark.parametrize("each", PRESETS, ids=lambda each: each.name)
def test_every_preset_says_something(each: Preset) -> None:
    assert each.values or each.notes
    assert each.version <= "2026-11-29"


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
        ('"sign"', '"quirks.sgin"', 'unknown quirk "sgin"'),
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
@pytest.mark.parametrize("each", PRESETS, ids=lambda each: each.name)
def test_every_preset_gives_a_valid_connection(folder: Folder, each: Preset) -> None:
    decided = {"sign", "encrypt", "compress", "mdn", "mdn_signed"}
    lines = GOOD_SETTINGS.splitlines(keepends=True)
    kept = [line for line in lines if line.strip().partition(":")[0] not in decided]
    folder.write("".join(kept).replace("environment: test", f"preset: {each.name}"))
    folder.apply()
    row = Connection.objects.get()
    row.full_clean()
    assert {name: getattr(row, name) for name in each.settings} == each.settings
    assert row.needs == from_plain(each.quirks)
    assert "unchanged" in folder.apply()[-2]


@pytest.mark.django_db
def test_special_needs_of_the_file_win_over_those_of_a_preset(folder: Folder) -> None:
    needs = "preset: openas2, quirks: {mic_from_options: no, chunked: yes}"
    folder.change(("        sign: sha-256\n", f"        {needs}\n".replace(", q", "\n        q")))
    folder.apply()
    assert Connection.objects.get().quirks == {"chunked": True, "mic_tolerances": ["body"]}


@pytest.mark.django_db
def test_special_needs_that_exclude_those_of_a_preset_are_a_mistake(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parse(GOOD.replace('"sign"', '"quirks.chunked"').replace('"sha-256"', "true"))
    monkeypatch.setattr("partners.applying.schema.known_presets", lambda: {"x": made})
    folder.change(("sign: sha-256", "preset: x\n        quirks: {http_1_0: true}"))
    (mistake,) = folder.mistakes()
    assert "chunked and http_1_0 exclude each other" in mistake


@pytest.mark.django_db
def test_apply_names_the_presets_it_knows(folder: Folder) -> None:
    folder.change(("sign: sha-256", "preset: amazn"))
    (mistake,) = folder.mistakes()
    assert '"amazn" is not one of amazon-vendor' in mistake
