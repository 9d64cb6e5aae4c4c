"""`meson install`: the programs and their manual pages, which say what the programs say."""

import os
import re
import subprocess

import pytest
from support.builds import BUILD, SERVER, WORKER
from support.programs import run_program

PROGRAMS = {"mailproxy-server": SERVER, "mailproxy-worker": WORKER}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", directory], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(directory, "usr", "local")


def test_what_is_installed_is_what_is_needed(prefix):
    found = {os.path.relpath(os.path.join(folder, file), prefix) for folder, _, files in os.walk(prefix) for file in files}
    assert found == {"bin/mailproxy-server", "bin/mailproxy-worker", "share/man/man8/mailproxy-server.8", "share/man/man8/mailproxy-worker.8"}
    for name in PROGRAMS:
        assert run_program(os.path.join(prefix, "bin", name), "--version").stdout.startswith(name + " ")


def rendered(prefix, name):
    """The page as it is read, a line a paragraph, and what groff complains about."""
    page = os.path.join(prefix, "share", "man", "man8", name + ".8")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=2000n", page], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    return re.sub(r"\s+", " ", done.stdout.replace("‐", "-").replace("’", "'")), done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_manual_page_has_each_setting_and_each_command(prefix, name):
    text, complaints = rendered(prefix, name)
    assert complaints == ""
    settings = [line.split("|") for line in run_program(SERVER, "settings").stdout.splitlines()]
    assert len(settings) > 40
    for setting, kind, default, _, most, meaning in settings:
        facts = f"{setting} ({kind}, {'default ' + default if default else 'no default'}"
        assert facts in text
        assert meaning in text
        assert not most or f"to {most})" in text
    commands = re.findall(r"^  (\S+|\(.*?\))  +(\S.*)$", run_program(PROGRAMS[name], "--help").stdout, re.M)
    assert len(commands) > 3
    for command, meaning in commands:
        assert re.search(re.escape(command) + " " + re.escape(meaning), text), command
