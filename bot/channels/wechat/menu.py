"""The menu under the conversation: at most 3 buttons, each alone or with up to 5 beneath it.

A button of the kind `click` sends its key, which the desk hears as one of its own buttons; `view` opens a page. Only these
two are offered. developers.weixin.qq.com/doc/service/api/custommenu/api_createcustommenu
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST_BUTTONS: Final = 3
MOST_BENEATH: Final = 5
NAME_BYTES: Final = 16
NAME_BENEATH_BYTES: Final = 60
KEY_BYTES: Final = 128
URL_BYTES: Final = 1024
_KINDS: Final[Mapping[str, tuple[str, int]]] = {"click": ("key", KEY_BYTES), "view": ("url", URL_BYTES)}


def _list(where: str, value: object, most: int) -> Sequence[object]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= most:
        raise ValueError(f"{where} must be a list of 1 to {most} buttons.")
    return value


def _name(where: str, value: object, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} has no name. Give it a word or two.")
    if len(value.encode()) > most:
        raise ValueError(f"{where}: the name {value} is longer than {most} bytes (a Chinese character has 3). Shorten it.")
    return value


def _button(where: str, value: object, most_name: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a button: {{name: …, type: click, key: …}}.")
    name = _name(where, value.get("name"), most_name)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"{where} ({name}): type is click (with key) or view (with url).")
    field, most = _KINDS[kind]
    target = value.get(field)
    if not isinstance(target, str) or not target:
        raise ValueError(f"{where} ({name}): {field} is missing.")
    if len(target.encode()) > most:
        raise ValueError(f"{where} ({name}): {field} is longer than {most} bytes. Shorten it.")
    if kind == "view" and not target.startswith(("https://", "http://")):
        raise ValueError(f"{where} ({name}): url must begin with https://.")
    unknown = set(value) - {"name", "type", field}
    if unknown:
        raise ValueError(f"{where} ({name}): {', '.join(sorted(map(str, unknown)))} is not known.")
    return {"type": kind, "name": name, field: target}


def checked(menu: object) -> dict[str, Any]:
    """What is sent to WeChat for this menu: a list of buttons, a button with `sub_button` having more beneath it.

    Raises:
        ValueError: naming the button and what to do.
    """
    made: list[dict[str, Any]] = []
    for number, value in enumerate(_list("The menu", menu, MOST_BUTTONS), 1):
        where = f"Button {number}"
        if isinstance(value, Mapping) and "sub_button" in value:
            if set(value) - {"name", "sub_button"}:
                raise ValueError(f"{where}: a button with others beneath it has a name and sub_button, nothing else.")
            beneath = _list(f"{where}: sub_button", value["sub_button"], MOST_BENEATH)
            made.append(
                {
                    "name": _name(where, value.get("name"), NAME_BYTES),
                    "sub_button": [
                        _button(f"{where}.{n}", below, NAME_BENEATH_BYTES) for n, below in enumerate(beneath, 1)
                    ],
                }
            )
        else:
            made.append(_button(where, value, NAME_BYTES))
    return {"button": made}
