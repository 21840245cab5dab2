"""The rows of the admin's lists, in the theme's frame: as quick to make and to read as a page is.

The theme makes all headers anew for each row, a widget for each check box, and gives each cell
forty class names: half of the time and most of the bytes of a list. This library of tags stands
in for its own (``TEMPLATES``); lists that are edited or chosen from are left to the theme.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.templatetags.base import InclusionAdminNode
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Field, Model
from django.template.base import Node, Parser, Token
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from unfold.templatetags import unfold_list as theme
from unfold.utils import display_for_field, display_for_value

register = theme.register

_BOX: Final = "action_checkbox"


@dataclass(frozen=True, slots=True)
class _Column:
    """What all cells of a column have in common."""

    name: str
    opening: str
    closing: str
    linked: bool


def result_list_tag(parser: Parser, token: Token) -> Node:
    """Show headers and rows of a list, by the theme's template."""
    node = cast("Any", InclusionAdminNode)  # its types are those of a later Django
    made = node(parser, token, func=result_list, template_name="change_list_results.html")
    return cast("Node", made)


register.tag("unfold_result_list", result_list_tag)


def result_list(context: dict[str, Any], cl: Any) -> dict[str, Any]:
    """Give the template what the theme's function of this name gives."""
    if cl.formset or cl.is_popup or cl.model_admin.ordering_field:
        return theme.result_list(context, cl)  # type: ignore[no-any-return]  # the theme has no types
    headers = list(theme.result_headers(cl))
    columns = list(_columns(cl, headers))
    sorted_by = [each for each in headers if each["sortable"] and each["sorted"]]
    boxes = _boxes(cl) if _BOX in cl.list_display else {}
    return {
        "cl": cl,
        "result_hidden_fields": [],
        "result_headers": headers,
        "num_sorted_fields": len(sorted_by),
        "results": [
            theme.UnfoldResultList(row, None, _cells(cl, row, columns, boxes))
            for row in cl.result_list
        ],
        "actions_row": context.get("actions_row"),
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
    }


def _columns(cl: Any, headers: list[dict[str, Any]]) -> Iterator[_Column]:
    links = cl.list_display_links
    first_link = next((each for each in cl.list_display if links and each in links), None)
    for name, header in zip(cl.list_display, headers, strict=True):
        tag = "th" if name == first_link else "td"
        kind = "as2-cell as2-cell-box" if name == _BOX else f"as2-cell field-{name}"
        label = "Select record" if name == _BOX else header["text"]
        opening = format_html('<{} class="{}" data-label="{}">', tag, kind, label)
        yield _Column(name, opening, f"</{tag}>", linked=bool(links) and name in links)


def _boxes(cl: Any) -> dict[Any, str]:
    """Make the check box of each row; the theme makes the first, and they differ by its value."""
    rows = list(cl.result_list)
    if not rows:
        return {}
    model = str(cl.model_admin.action_checkbox(rows[0]))
    value = f'value="{rows[0].pk}"'
    return {row.pk: model.replace(value, f'value="{row.pk}"') for row in rows}


def _cells(cl: Any, row: Model, columns: list[_Column], boxes: dict[Any, str]) -> Iterator[str]:
    for column in columns:
        text = boxes[row.pk] if column.name == _BOX else _shown(cl, row, column.name)
        if column.linked:
            text = format_html('<a href="{}" class="as2-cell-link">{}</a>', _address(cl, row), text)
        yield SafeString(f"{column.opening}{text}{column.closing}")  # each part is escaped


def _address(cl: Any, row: Model) -> str:
    url = cl.url_for_result(row)
    kept = {"preserved_filters": cl.preserved_filters, "opts": cl.opts}
    return add_preserved_filters(kept, url) if cl.preserved_filters else url


def _shown(cl: Any, row: Model, name: str) -> SafeString:
    """Show a value as the admin does."""
    empty = cl.model_admin.get_empty_value_display()
    try:
        field, attribute, value = lookup_field(name, row, cl.model_admin)
    except ObjectDoesNotExist:
        return conditional_escape(empty)
    if isinstance(value, Model):
        return conditional_escape(str(value))
    if isinstance(field, Field):
        return conditional_escape(display_for_field(value, field, empty))
    if isinstance(value, str) and value:
        return conditional_escape(value)
    empty = getattr(attribute, "empty_value_display", empty)
    boolean = getattr(attribute, "boolean", False)
    return conditional_escape(display_for_value(value, empty, boolean))
