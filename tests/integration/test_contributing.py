"""CONTRIBUTING.md speaks of the repository as it is; CHANGELOG.md of what can be read elsewhere."""

import os
import re
import subprocess

import pytest
from support.builds import ROOT


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def quoted(document):
    return re.findall(r"`([^`]+)`", read(document))


def is_path(word):
    return "/" in word and re.fullmatch(r"[\w./-]+", word) and not word.startswith("./dev")


def linked(document):
    return [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", read(document)) if "://" not in target]


@pytest.mark.parametrize("document, least", [("CONTRIBUTING.md", 40), ("CHANGELOG.md", 1)])
def test_every_path_that_is_named_exists(document, least):
    paths = [word for word in quoted(document) if is_path(word)] + linked(document)
    assert len(paths) >= least
    assert [path for path in paths if not os.path.exists(os.path.join(ROOT, path))] == []


def test_every_command_is_one_of_dev():
    usage = subprocess.run([os.path.join(ROOT, "dev"), "help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (\w+) ", usage, re.M))
    named = {word.split()[1] for word in quoted("CONTRIBUTING.md") if word.startswith("./dev ")}
    assert named and named <= known


def test_what_is_to_be_tested_where_is_there():
    """A file in brackets after a step is a test that fails when the step is forgotten."""
    in_brackets = re.findall(r"\(`(tests/[^`]+)`", read("CONTRIBUTING.md"))
    assert len(in_brackets) >= 6
    for path in in_brackets:
        assert re.search(r"^def test_|^SELECT ", read(path), re.M), path


def test_each_kind_of_change_has_its_heading():
    headings = re.findall(r"^## (.*)$", read("CONTRIBUTING.md"), re.M)
    assert headings == ["A setting", "An endpoint", "A migration", "A stage of the worker", "A metric", "A view", "An alert",
                        "A dependency, or a version"]


def test_the_changelog_tells_of_the_version_that_is_built():
    version = re.search(r"^  version: '([\d.]+)'", read("meson.build"), re.M).group(1)
    assert re.search(rf"^## \[?{re.escape(version)}\]?", read("CHANGELOG.md"), re.M)
