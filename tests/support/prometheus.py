"""Debian's Prometheus with the rules of deploy/prometheus, asking running servers; and what expressions speak of."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .builds import ROOT
from .ports import free_port
from .waiting import wait_for

FOLDER = os.path.join(ROOT, "deploy", "prometheus")
INTERVAL = "200ms"


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def configuration(targets):
    """prometheus.yml as it is, but that the servers are these, and are asked more often."""
    text, discoveries = re.subn(r"^    dns_sd_configs:.*\n(?:      .*\n)+", f"    static_configs: [{{targets: {json.dumps(targets)}}}]\n",
                                read("deploy", "prometheus", "prometheus.yml"), flags=re.M)
    text, intervals = re.subn(r"^(  (?:scrape|evaluation)_interval): \w+$", rf"\1: {INTERVAL}", text, flags=re.M)
    assert (discoveries, intervals) == (1, 2)
    return text


class Prometheus:
    def __init__(self, directory, targets):
        """Its alerts fire as soon as their condition holds: waiting for a time is what alerts_test.yml tests."""
        self.port = free_port()
        with open(os.path.join(directory, "prometheus.yml"), "w", encoding="utf-8") as file:
            file.write(configuration(targets))
        with open(os.path.join(directory, "alerts.yml"), "w", encoding="utf-8") as file:
            file.write(re.sub(r"^( +for): \w+$", r"\1: 0s", read("deploy", "prometheus", "alerts.yml"), flags=re.M))
        self.log_path = os.path.join(directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file", os.path.join(directory, "prometheus.yml"), "--storage.tsdb.path", os.path.join(directory, "data"),
                 "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._is_ready, "Prometheus to be ready")

    def _is_ready(self):
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready") as answer:
                return answer.status == 200
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def ask(self, path, **query):
        """The data of its answer; an AssertionError says why there are none."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?" + urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(url) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as refused:
            told = json.load(refused)
        assert told["status"] == "success", (query, told)
        return told["data"]

    def query(self, expression):
        """[(labels, value)]"""
        data = self.ask("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self):
        """[{labels, annotations, ...}] of the alerts that fire."""
        return [alert for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"]

    def names(self):
        return set(self.ask("label/__name__/values"))

    def labels_of(self, name):
        return {label for series in self.ask("series", **{"match[]": name}) for label in series} - {"__name__"}

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def metrics_in(expression):
    """The names of the metrics it speaks of; none of PromQL's own words begins like these."""
    return set(re.findall(r"\b(?:gmp_\w+|mailproxy:\w+|up\b)", expression))


def labels_in(expression):
    """The labels that it selects, groups or matches by."""
    lists = re.findall(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([\w\s,]*)\)", expression)
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", "".join(re.findall(r"\{[^}]*\}", expression)))
    return {label.strip() for text in lists for label in text.split(",") if label.strip()} | set(selected)


def unknown_words(prometheus, expression):
    """What the expression names that no program exposes: metrics, and labels that none of its metrics has."""
    metrics = metrics_in(expression)
    assert metrics, expression
    missing = metrics - prometheus.names()
    known = set().union(*(prometheus.labels_of(name) for name in metrics))
    return missing | (labels_in(expression) - known)
