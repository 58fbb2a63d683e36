"""YAML as plain data: maps, lists, words and numbers. It must never make objects of another kind of what a file says."""

from __future__ import annotations

from typing import Any

import yaml

#: The parser of libyaml where PyYAML was built with it, ten times as fast over the office's files. Both are safe.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain(text: str) -> Any:
    """What a text of YAML says. Raises yaml.YAMLError where it is none."""
    return yaml.load(text, Loader=_LOADER)
