"""./dev bench: what it reads from other programs, what it makes of it, and one row of it. Its figures are asserted nowhere."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from support.builds import ROOT
from support.programs import message
from support.waiting import wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))

import cost  # noqa: E402
import growth  # noqa: E402
import peers  # noqa: E402
import pile  # noqa: E402
import plot  # noqa: E402
import rig  # noqa: E402
import run  # noqa: E402
import table  # noqa: E402


def test_the_processor_time_of_a_process_whose_name_holds_parentheses_and_spaces():
    text = "7 (a) b (c)) S 42 7 7 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 1 0 99 0 0"
    assert cost.parse_stat(text) == (42, 200 * cost.TICK_US, 30 * cost.TICK_US)


@pytest.mark.parametrize("file, seen", [
    ("SELECT a\n  FROM t WHERE b = 'it''s' LIMIT 10;\n", "SELECT a FROM t WHERE b = $1 LIMIT $2"),
    ("SELECT $1::text, extract(epoch FROM now()) * 1.5", "SELECT $1::text, extract($2 FROM now()) * $3"),
    ("UPDATE t SET a = true, b = NULL WHERE c3 = $1", "UPDATE t SET a = $2, b = $3 WHERE c3 = $1"),
])
def test_a_statement_is_known_in_pg_stat_statements(file, seen):
    assert cost.statement_key(file) == cost.statement_key(seen)


def test_statements_that_differ_have_different_keys():
    names = cost.statement_names()
    assert len(names) == len(set(names.values())) and "claim_messages" in names.values()


class Looked:
    """A cost.Look as it would be."""

    def __init__(self, used_us, ended_us=0, lsn=0, statements=None):
        self.named = {pid: name for pid, (name, _) in used_us.items()}
        self.used_us = {pid: us for pid, (_, us) in used_us.items()}
        self.ended_us, self.lsn, self.statements = ended_us, lsn, statements or {}


def test_a_cost_is_the_difference_by_name_with_what_ended_meanwhile():
    before = Looked({1: ("server", 100), 2: ("postgres: x", 50), 3: ("postgres: autovacuum", 30)}, 1000, 5000,
                    {"a": (1, 10, 100, 1), "b": (1, 1, 1, 1)})
    after = Looked({1: ("server", 300), 2: ("postgres: x", 60), 4: ("postgres: x", 90)}, 1050, 7000,
                   {"a": (11, 110, 1100, 21), "b": (1, 1, 1, 1)})
    spent = cost.Cost(before, after, 10)
    assert spent.used_us == {"server": 20, "postgres: x": 10, cost.ENDED: 2}  # 50 of ended ones, 30 of them before
    assert spent.share_us("postgres: ") == 12
    assert spent.wal == 200 and spent.statements == {"a": (1, 10, 100, 2)}


FAST = table.Figure("drain", "msg/s", [11000, 9000, 12000.4], target=10000, peer="a peer", ratios=[0.5, 0.4, 0.6], least_ratio=0.5)


@pytest.mark.parametrize("figure, reached", [
    (FAST, True),
    (table.Figure("drain", "msg/s", [9999], target=10000), False),
    (table.Figure("drain", "msg/s", [11000], target=10000, peer="a peer", ratios=[0.49], least_ratio=0.5), False),
    (table.Figure("idle", "ms", [10], target=10, at_most=True), True),
    (table.Figure("idle", "ms", [10.1], target=10, at_most=True), False),
    (table.Figure("idle", "ms", [1]), None),
])
def test_a_target_is_reached_by_the_median_and_by_the_ratio(figure, reached):
    assert figure.reached() is reached


def test_the_table_in_markdown_and_for_a_terminal():
    line = ["drain", "≥ 10,000 msg/s, ≥ 0.5 × a peer", "11,000 msg/s", "9,000 – 12,000", "0.50 × a peer", "yes"]
    assert table.markdown([FAST]).splitlines()[2] == "| " + " | ".join(line) + " |"
    head, shown = table.plain([FAST]).splitlines()
    assert shown.split("  ")[0] == "drain" and shown.index("≥") == head.index("target") and shown.index("yes") == head.index("reached")


def test_the_files_hold_every_round(tmp_path):
    table.write_files(tmp_path / "new", "On a machine.", "More.", [FAST])
    told = json.loads((tmp_path / "new" / "bench.json").read_text(encoding="utf-8"))
    assert told["heading"] == "On a machine." and told["figures"][0]["values"] == FAST.values
    assert told["figures"][0]["median"] == 11000 and told["figures"][0]["reached"] is True
    assert "| drain |" in (tmp_path / "new" / "bench.md").read_text(encoding="utf-8")


def test_what_pgbench_says():
    assert peers.parse_pgbench("""pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: /tmp/insert.sql
number of transactions actually processed: 420
latency average = 19.070 ms
initial connection time = 12.301 ms
tps = 209.755510 (without initial connection time)
""") == 209.75551


WRK = """Running 2s test @ http://127.0.0.1:8000/commands/add-messages?tenant_id=bench
  2 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    14.19ms    6.32ms  61.25ms   80.43%
    Req/Sec     1.12k   138.10     1.40k    67.50%
  Latency Distribution
     50%  750.00us
     75%   16.33ms
     90%   20.98ms
     99%    1.04s
  4478 requests in 2.00s, 1.05MB read
{}Requests/sec:   2236.43
Transfer/sec:    535.25KB
"""


@pytest.mark.parametrize("errors, failed", [
    ("", 0),
    ("  Non-2xx or 3xx responses: 7\n", 7),
    ("  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 7\n", 17),
])
def test_what_wrk_says(errors, failed):
    assert peers.parse_wrk(WRK.format(errors)) == {"rate": 2236.43, "count": 4478, "p50": 0.75, "p99": 1040, "failed": failed}


def test_copies_made_by_sql_are_messages_like_any_other(new_system, relay):
    system = new_system()
    api = system.add_tenant("bench")
    system.add_account(api, relay)
    api.enqueue(message("pattern"))
    api.wait_state("sent", "pattern")
    with psycopg.connect(system.database_url, autocommit=True) as db:
        pile.add_finished(db, "pattern", "done-", 3)
        pile.add_waiting(db, "pattern", "more-", 3)
        wait_for(lambda: sorted(relay.ids()) == ["more-1", "more-2", "more-3", "pattern"], "the copies at the relay")
        api.wait_state("sent", "more-1", "more-2", "more-3")
        assert {m["id"]: m["status"] for m in api.messages()} == dict.fromkeys(
            ["pattern", "done-1", "done-2", "done-3", "more-1", "more-2", "more-3"], "sent")
        audit = db.execute("SELECT accepted, sent, balanced FROM mailproxy.audit() WHERE tenant_id = 'bench'").fetchall()
        assert [(sent, balanced) for _, sent, balanced in audit] == [(7, True)], audit


@pytest.mark.parametrize("most, points", [(1000, [1000]), (1500, [1000, 1500]), (2000000, [1000, 10000, 100000, 1000000, 2000000])])
def test_the_points_of_a_series_that_grows_by_tens(most, points):
    assert growth.sizes(most) == points


def test_a_point_is_the_median_of_each_of_its_figures():
    found = growth.median_point([growth.Point(1, 2, 3, 4, 5), growth.Point(3, 1, 9, 9, 1), growth.Point(2, 3, 4, 5, 6)])
    assert found == growth.Point(2, 2, 4, 5, 5) and found.total == 8


def test_a_drawing_has_each_curve_on_its_axis():
    text = plot.script("/tmp/x.svg", ("tenants", "cost", "rate"), ("a", "b"), [("1", 5, 1000), ("10,000", 6, 900.5)], 1)
    assert '"1" 5 1000\n"10,000" 6 900.5\nEOD' in text
    assert "using 0:2:xtic(1) axes x1y1" in text and "using 0:3:xtic(1) axes x1y2" in text and "logscale" not in text


@pytest.mark.parametrize("row", run.ROWS)
def test_small_sizes_are_arguments_of_their_row(row):
    usual, small = run.arguments_of(row, []), run.arguments_of(row, ["--small"])
    assert small.rounds == 1 and set(run.ROWS[row].SMALL) <= set(vars(usual))
    assert run.arguments_of(row, ["--small", "--rounds", "2"]).rounds == 2


@pytest.mark.parametrize("row", [None, *run.ROWS])
def test_each_row_has_its_place_in_the_document(row):
    with open(rig.DOCUMENT, encoding="utf-8") as f:
        text = f.read()
    begin, end = rig.place(row)
    assert text.count(begin) == text.count(end) == 1 and text.index(begin) < text.index(end)


def test_a_row_measures_a_system_of_its_own_and_leaves_nothing(tmp_path):
    home, out = tmp_path / "home", tmp_path / "out"
    done = subprocess.run(["/usr/bin/python3", os.path.join(ROOT, "tests", "bench", "run.py"), "drain", "--small", "--out", str(out)],
                          env={**os.environ, "MAILPROXY_BENCH_HOME": str(home)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads((out / "bench.json").read_text(encoding="utf-8"))
    assert [f["work"] for f in told["figures"]] == ["drain a backlog of 500, 1 worker", "drain a backlog of 500, 2 workers"]
    assert all(len(f["values"]) == len(f["ratios"]) == 1 and f["median"] > 0 for f in told["figures"])
    assert "warm-up:" in done.stderr and "round 1:" in done.stderr and told["heading"] in done.stdout
    assert not home.exists()
