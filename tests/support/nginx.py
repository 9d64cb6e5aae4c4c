"""Debian's nginx with deploy/nginx/mailproxy.conf, on ports of its own, and curl as its client: over TLS and, where there is any, IPv6."""

import os
import re
import socket
import subprocess

from .builds import ROOT
from .ports import free_port
from .waiting import wait_for

NAME = "mailproxy.example.com"
PROGRAM = "/usr/sbin/nginx"
AROUND = """
{user}
daemon off;
pid {directory}/pid;
error_log {directory}/error.log info;
events {{ }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/mailproxy.conf;
}}
"""


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:  # a container without it, or a kernel
        return False


class Answer:
    def __init__(self, status, version, headers, body):
        self.status, self.version, self.headers, self.body = status, version, headers, body

    def __repr__(self):
        return f"<{self.status} HTTP/{self.version} {self.body[:600]!r}>"


class Nginx:
    def __init__(self, directory, authority, servers):
        """servers: the two ports that the file's own servers become."""
        self.directory = str(directory)
        self.port, self.plain_port = free_port(), free_port()
        self.six = has_ipv6()
        self.host = "[::1]" if self.six else "127.0.0.1"
        self.authority = authority
        certificate, key = authority.certificate(NAME, alt_names=f"DNS:{NAME}")
        with open(os.path.join(ROOT, "deploy", "nginx", "mailproxy.conf"), encoding="utf-8") as file:
            text = file.read()
        for pattern, value, times in [
                (r"server 127\.0\.0\.1:8000 ", f"server 127.0.0.1:{servers[0]} ", 1), (r"server 127\.0\.0\.1:8001 ", f"server 127.0.0.1:{servers[1]} ", 1),
                (r"listen 443 ", f"listen 127.0.0.1:{self.port} ", 1), (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};", 1),
                (r"listen \[::\]:443 (.*)\n", rf"listen [::1]:{self.port} \1\n" if self.six else "", 1),
                (r"listen \[::\]:80;", f"listen [::1]:{self.plain_port};" if self.six else "", 1),
                (r"/etc/ssl/mailproxy/fullchain\.pem", certificate, 1), (r"/etc/ssl/mailproxy/key\.pem", key, 1)]:
            text, found = re.subn(pattern, value, text)
            assert found == times, pattern
        self._write("mailproxy.conf", text)
        self._write("nginx.conf", AROUND.format(directory=self.directory, user="user root;" if os.geteuid() == 0 else ""))
        with open(os.path.join(self.directory, "start.log"), "wb") as log:
            self.process = subprocess.Popen([PROGRAM, "-e", "stderr", "-c", os.path.join(self.directory, "nginx.conf")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._answers, "nginx to answer")

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _answers(self):
        assert self.process.poll() is None, self.log("start.log")
        return self.curl("/metrics").status == 404

    def log(self, name="error.log"):
        with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def command(self, path, *options):
        return ["curl", "-sS", "--cacert", self.authority.ca_file, "--resolve", f"{NAME}:{self.port}:{self.host}", "--path-as-is",
                *options, f"https://{NAME}:{self.port}{path}"]

    def curl(self, path, *options):
        """An Answer; of status 0 where there is none."""
        done = subprocess.run(self.command(path, "-i", "-w", "\n%{http_code} %{http_version} %{size_header}", *options),
                              stdin=subprocess.DEVNULL, capture_output=True)
        octets, _, told = done.stdout.rpartition(b"\n")
        status, version, size = told.decode().split()
        head = octets[: int(size)].decode().splitlines()[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
        return Answer(int(status), version, headers, octets[int(size):])

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
