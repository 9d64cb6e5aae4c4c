"""Postfix's smtp-sink: a fast relay that takes everything and keeps it in one file."""

import os
import re
import shutil
import subprocess

from .ports import free_port
from .waiting import wait_for

SMTP_SINK = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin")
SMTP_SOURCE = shutil.which("smtp-source", path=os.environ.get("PATH", "") + ":/usr/sbin")


class SmtpSink:
    def __init__(self, directory, *options, keeps=True):
        """keeps: what it takes goes into a file. Otherwise it has no ids, and is faster."""
        self.port = free_port()
        self.dump = os.path.join(str(directory), f"sink-{self.port}")
        self._ids, self._mails, self._read_up_to = [], 0, 0
        # As root smtp-sink wants a user to become; it creates the dump file afterwards, so the directory must let it.
        user = ["-u", "root"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [SMTP_SINK, *user, *options, *(["-D", self.dump] if keeps else []), f"127.0.0.1:{self.port}", "1000"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        wait_for(self._listens, "smtp-sink to listen")

    def _listens(self):
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            assert self.process.poll() is None, "smtp-sink ended"
            return False

    def _read(self):
        if os.path.exists(self.dump):
            with open(self.dump, "rb") as f:
                f.seek(self._read_up_to)
                octets = f.read()
            whole = octets[: octets.rfind(b"\n") + 1]  # the last line may be half written
            self._read_up_to += len(whole)
            self._ids += [m.decode() for m in re.findall(rb"^X-Genro-Mail-ID: (\S+)\r?$", whole, re.M)]
            self._mails += len(re.findall(rb"^X-Mail-Args: ", whole, re.M))

    def ids(self):
        """The client ids of everything it took, in the order of the file."""
        self._read()
        return list(self._ids)

    def count(self):
        """Of everything it took, whoever sent it."""
        self._read()
        return self._mails

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        if os.path.exists(self.dump):
            os.remove(self.dump)
