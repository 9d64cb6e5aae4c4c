"""docker-compose.yml as docker-compose understands it."""

import os

import yaml

from .builds import ROOT
from .chroots import run

PROFILES = ("demo", "monitoring")


def configuration():
    """All of it, every profile included."""
    return yaml.safe_load(run("docker-compose", "-f", os.path.join(ROOT, "docker-compose.yml"), *[f"--profile={p}" for p in PROFILES], "config",
                              what="docker-compose config", cwd="/"))
