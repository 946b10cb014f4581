"""A YAML registry file → entries with line numbers.

Scalars stay the text they are written as: no float, no date and no `no` that means false. Anchors, aliases and the
merge key `<<` work; a key that stands twice is a problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

from services.declared.problem import Problem
from services.declared.tree import Entry
from services.declared.yaml_bounds import out_of_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "<<"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> tuple[Entry, list[Problem]]:
    """The entries of the file, and what is wrong with its syntax."""
    problems: list[Problem] = []
    if (beyond := out_of_bounds(text, _LOADER)) is not None:
        return Entry(1, {}), [beyond]
    try:
        root = yaml.compose(text, Loader=_LOADER)
        if root is None:
            return Entry(1, {}), [Problem(1, "the file is empty", "see examples/district.yaml")]
        return _entry(root, root.start_mark.line + 1, problems), problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return Entry(1, {}), [Problem(line, f"not YAML: {error.problem or error.context}", "correct the syntax here")]
    except yaml.YAMLError as error:
        return Entry(1, {}), [Problem(1, f"not YAML: {str(error).splitlines()[0]}", "save the file as UTF-8 text")]


def _entry(node: yaml.Node, line: int, problems: list[Problem]) -> Entry:
    if isinstance(node, yaml.MappingNode):
        return Entry(line, _mapping(node, problems))
    if isinstance(node, yaml.SequenceNode):
        return Entry(line, [_entry(each, each.start_mark.line + 1, problems) for each in node.value])
    return Entry(line, None if node.tag == _NULL else str(node.value))


def _mapping(node: yaml.MappingNode, problems: list[Problem]) -> dict[str, Entry]:
    own: dict[str, Entry] = {}
    merged: dict[str, Entry] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value == _MERGE:
            for base in _merged(value, line, problems):
                merged = {**_mapping(base, problems), **merged}
        elif not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(line, "a key is not plain text", "write one word before the colon"))
        elif key.value in own:
            fix = f"remove one; the first is on line {own[key.value].line}"
            problems.append(Problem(line, f"{key.value!r} stands here twice", fix))
        else:
            own[key.value] = _entry(value, line, problems)
    return {**merged, **own}


def _merged(node: yaml.Node, line: int, problems: list[Problem]) -> Iterator[yaml.MappingNode]:
    for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if isinstance(each, yaml.MappingNode):
            yield each
        else:
            problems.append(Problem(line, "<< merges mappings only", "give it an alias such as *meter"))
