"""
The schema as SQL tells it: each file of this folder is a pgTAP script that pg_prove runs, in a transaction that is rolled back.
./dev test counts each test in them (tests/all.py).
"""

import pathlib
import re
import subprocess

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

FILES = sorted(pathlib.Path(__file__).parent.glob("*.sql"))


@pytest.fixture(scope="module")
def prepared(cluster, template):
    url = cluster.create_database("tap", template)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE EXTENSION pgtap SCHEMA public")
    yield conninfo_to_dict(url)
    cluster.drop_database("tap")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_tap(prepared, path, record_property):
    done = subprocess.run(["pg_prove", "--verbose", "--merge", "--nocolor", "--norc", "--host", prepared["host"],
                           "--username", prepared["user"], "--dbname", prepared["dbname"], path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    passed, failed = (len(re.findall(rf"^{word} \d", done.stdout, re.M)) for word in ("ok", "not ok"))
    record_property("tap_passed", passed)
    record_property("tap_failed", failed)
    if done.returncode or failed or not passed:
        pytest.fail(re.sub(r"^ok \d.*\n", "", done.stdout, flags=re.M), pytrace=False)
