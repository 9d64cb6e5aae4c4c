"""What the tests of packages share: the Debian package, built once in a run, in the Dockerfile's build stage."""

import os

import pytest
from support import chroots, dockerfile

HANDED = "packages-handed-on"


@pytest.fixture(scope="session")
def handed(tmp_path_factory, request):
    """The folder with what the Dockerfile's build stage hands on: whoever comes first makes it, for all processes of the run."""
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # one of several processes, whose folders are side by side
        shared = shared.parent
    folder = shared / HANDED
    with chroots.one_at_a_time(str(folder) + ".lock"):
        if not folder.exists():
            made = shared / (HANDED + ".new")
            made.mkdir(exist_ok=True)
            with chroots.Chroots() as place:
                stage = dockerfile.stages()["build"]
                chroot = place.new("build")
                dockerfile.build(chroot, stage, str(made))
                dockerfile.hand_on(chroot, stage, str(made))
            os.rename(made, folder)
    return str(folder)


@pytest.fixture
def place():
    with chroots.Chroots() as place:
        yield place
