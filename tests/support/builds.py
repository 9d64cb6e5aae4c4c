"""Where the programs under test are."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("MAILPROXY_BUILD", "build"))
SANITIZED = "asan" in os.path.basename(os.path.normpath(BUILD))
SERVER = os.path.join(BUILD, "server", "mailproxy-server")
WORKER = os.path.join(BUILD, "worker", "mailproxy-worker")
