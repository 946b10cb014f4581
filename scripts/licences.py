"""The licences of what a lock names, as the installed packages state them, against those agreed to; offline.

usage: python scripts/licences.py requirements.lock
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

AGREED: Final = frozenset(
    {
        "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Zlib", "0BSD",
    }
)  # fmt: skip
"""May be run and passed on with an Apache-2.0 program; MPL-2.0 binds changes of its own files only."""
_NAMES: Final = (
    (r"^apache(?: software)?(?: license)?,?(?: version)?[ -]?2?(?:\.0)?$", "Apache-2.0"),
    (r"^bsd[ -]2[ -]clause(?: license)?$", "BSD-2-Clause"),
    (r"^bsd[ -]3[ -]clause(?: license)?$", "BSD-3-Clause"),
    (r"^bsd(?: license)?$", "BSD"),
    (r"^isc(?: license)?(?: \(iscl\))?$", "ISC"),
    (r"^mit(?: license)?$", "MIT"),
    (r"^mpl[ -]2\.0$|^mozilla public license 2\.0 \(mpl 2\.0\)$", "MPL-2.0"),
    (r"^psf-2\.0$|^python software foundation license$", "PSF-2.0"),
)
_PINNED: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s\\;]+)(.*)$", re.MULTILINE)
_PLATFORM: Final = re.compile(r"sys_platform == ['\"](\w+)")


def main(lock: str) -> int:
    """Print each package with its licence; 1 where one is missing, of another version, or not agreed to."""
    pinned = [(name, version) for name, version, more in _PINNED.findall(Path(lock).read_text("utf-8")) if _here(more)]
    problems = [problem for name, version in pinned if (problem := judged(name, version)) is not None]
    sys.stdout.write(f"{len(pinned)} packages of {lock}, {len(problems)} not agreed to\n")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems or not pinned else 0


def _here(marker: str) -> bool:
    """Whether a line of the lock is for this platform: what others install cannot be looked at here."""
    platform = _PLATFORM.search(marker)
    return platform is None or platform[1] == sys.platform


def judged(name: str, version: str) -> str | None:
    """What is wrong with a package; None where its licence is agreed to."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return f"{name} {version}: not installed, so its licence is not known"
    if found.version != version:
        return f"{name}: {found.version} is installed, the lock has {version}"
    said = stated(found)
    sys.stdout.write(f"{name} {version}: {said or 'none stated'}\n")
    return None if agreed(said) else f"{name} {version}: licence {said or 'not stated'!r} is not agreed to"


def stated(package: Distribution) -> str:
    """The licence it states: as an expression, else as a word, else by its classifiers, any of which may be chosen."""
    metadata = package.metadata
    if expression := metadata["License-Expression"]:
        return expression
    word = (metadata["License"] or "").strip()
    if word and "\n" not in word:
        return word
    classifiers = metadata.get_all("Classifier") or []
    return " OR ".join(each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: "))


def agreed(expression: str) -> bool:
    """Whether an SPDX expression, or the name a package gives, leaves a choice of licences all agreed to."""
    choices = re.split(r"\s+OR\s+", expression.strip())
    return any(all(_named(part) in AGREED for part in re.split(r"\s+AND\s+", choice)) for choice in choices)


def _named(text: str) -> str:
    plain = text.strip(" ()") if text.count("(") != text.count(")") else text.strip()
    for pattern, name in _NAMES:
        if re.match(pattern, plain, re.IGNORECASE):
            return name
    return plain


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
