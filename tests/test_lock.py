"""The lock has every package that setup.cfg asks for, in a version it allows; none with a known advisory is allowed."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
# The lowest versions without the advisories that SECURITY.md tells of.
SAFE = {"torch": "2.10", "transformers": "5.5", "jinja2": "3.1.6", "pyarrow": "14.0.1"}


def asked() -> list[Requirement]:
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    lines = read["options"]["install_requires"] + read["options.extras_require"]["dev"]
    return [Requirement(line) for line in lines.split("\n") if line]


@pytest.mark.parametrize("wanted", asked(), ids=lambda one: one.name)
def test_the_lock_has_what_is_asked_for(wanted: Requirement) -> None:
    lines = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.M)
    locked = {canonicalize_name(name): version for name, version in lines}
    assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)], prereleases=True)


@pytest.mark.parametrize("name", SAFE)
def test_no_version_with_a_known_advisory_is_allowed(name: str) -> None:
    (wanted,) = (one for one in asked() if canonicalize_name(one.name) == name)
    (low,) = (one.version for one in wanted.specifier if one.operator == ">=")
    assert Version(low) >= Version(SAFE[name])
