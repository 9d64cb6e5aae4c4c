"""
The stages of a Dockerfile, carried out in chroots: FROM (of the one base there is), COPY, RUN, USER and CMD, as Docker does them.

What a later stage copies out of a stage is handed on as tar files, so that a stage need not be made twice.
"""

import json
import os
import shlex
import subprocess

from .builds import ROOT

BASE = "debian:bookworm-slim"


class Stage:
    def __init__(self, name):
        self.name = name
        self.steps = []
        self.user = None
        self.command = None


def stages():
    """By name; the last one, which has none, is `final`."""
    found = []
    for instruction, rest in _lines():
        if instruction == "FROM":
            image, *name = rest.split()
            assert image == BASE, f"FROM {image}: what stands for it here is a plain {BASE}"
            found.append(Stage(name[1] if name else "final"))
        elif instruction in ("COPY", "RUN"):
            found[-1].steps.append((instruction, rest))
        elif instruction == "USER":
            found[-1].user = [int(n) for n in rest.split(":")]
        elif instruction == "CMD":
            found[-1].command = json.loads(rest)
        else:
            assert instruction == "EXPOSE", f"{instruction} is not understood here"
    return {stage.name: stage for stage in found}


def _lines():
    with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as f:
        for line in f.read().replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line.split(None, 1)


def _copied(rest):
    """(stage or None, sources, target) of COPY."""
    words = shlex.split(rest)
    stage = words.pop(0).split("=", 1)[1] if words[0].startswith("--from=") else None
    return stage, words[:-1], words[-1]


def build(chroot, stage, handed):
    """Carry out a stage. `handed`: the folder with what stages hand on."""
    for instruction, rest in stage.steps:
        if instruction == "RUN":
            chroot.run("sh", "-c", rest, what=f"RUN {rest}", timeout=600)
            continue
        source, names, target = _copied(rest)
        assert target.endswith("/"), f"COPY {rest}: a folder as target is all that is understood here"
        for name in names:
            if source:
                chroot.take(_handed(handed, source, name), target)
            else:
                _copy_from_context(chroot, name, target)


def hand_on(chroot, stage, handed):
    """Keep what other stages copy out of this one."""
    for other in stages().values():
        for source, names, _ in (_copied(rest) for instruction, rest in other.steps if instruction == "COPY"):
            for name in names if source == stage.name else ():
                chroot.give(name, _handed(handed, source, name))


def _handed(folder, stage, name):
    return os.path.join(folder, f"{stage}{name.rstrip('/').replace('/', '-')}.tar")


def _copy_from_context(chroot, name, target):
    path = os.path.join(ROOT, name)
    where, what = (path, ".") if os.path.isdir(path) else os.path.split(path)
    with open(os.path.join(ROOT, ".dockerignore"), encoding="ascii") as f:
        left_out = [f"--exclude=./{line.strip()}" for line in f] if os.path.samefile(where, ROOT) else []
    chroot.run("mkdir", "-p", target)
    with subprocess.Popen(["tar", "-C", where, *left_out, "-cf", "-", what], stdout=subprocess.PIPE) as tar:
        chroot.run("tar", "--no-same-owner", "-xf", "-", "-C", target, stdin=tar.stdout)
    assert tar.returncode == 0


