#!/usr/bin/python3
"""
fill.py TEMPLATE OUTPUT SERVER PROGRAM - a manual page, with what the programs themselves know put in.

    @VERSION@    of PROGRAM: its --version
    @COMMANDS@   of PROGRAM: the list in its --help, one paragraph for each
    @SETTINGS@   what `mailproxy-server settings` prints (SERVER), one paragraph for each

So no page can tell of a command or a setting that is not there, or forget one.
"""

import re
import subprocess
import sys

COMMAND = re.compile(r"^  (\([^)]*\)|\S+) {2,}(\S.*)$", re.M)


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def escaped(text):
    """Plain text as roff: a hyphen stays a hyphen, no word of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def paragraph(head, *lines):
    return "\n".join((".TP", head, *map(escaped, lines)))


def commands(text):
    found = COMMAND.findall(text)
    if not found:
        sys.exit("fill.py: no command found in --help")
    return "\n".join(paragraph(f".B {escaped(name)}" if not name.startswith("(") else escaped(name), what + ".")
                     for name, what in found)


def settings(table):
    paragraphs = []
    for name, kind, default, least, most, text in (line.split("|") for line in table.splitlines()):
        facts = [kind, f"default {default}" if default else "no default", *([f"from {least} to {most}"] if least else [])]
        paragraphs.append(paragraph(f".BR {escaped(name)} \" ({escaped(', '.join(facts))})\"", text + "."))
    return "\n".join(paragraphs)


def main(template, output, server, program):
    with open(template, encoding="utf-8") as f:
        page = f.read()
    page = page.replace("@VERSION@", output_of(program, "--version").split()[1])
    page = page.replace("@COMMANDS@", commands(output_of(program, "--help")))
    page = page.replace("@SETTINGS@", settings(output_of(server, "settings")))
    with open(output, "w", encoding="utf-8") as f:
        f.write(page)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
