"""The Debian package: installed in a chroot where systemd runs its services, used, upgraded, removed and purged. One test, because to begin anew takes half a minute."""

import os
import re

from packages.sending import send_one
from support.builds import ROOT
from support.ports import free_port
from support.waiting import wait_for

UNITS = ("mailproxy-migrate.service", "mailproxy-server.service", "mailproxy-worker@1.service")
CONFIGURATION = ("mailproxy.env", "api_token", "encryption_key")


def modes(chroot, *paths):
    return chroot.run("stat", "-c", "%U:%G %a", *paths).split("\n")[:-1]


def check_that_secrets_are_for_the_programs_alone(system):
    assert modes(system, "/etc/mailproxy", "/etc/mailproxy/mailproxy.env", "/etc/mailproxy/api_token", "/etc/mailproxy/encryption_key") == [
        "root:mailproxy 750", *["root:mailproxy 640"] * 3]
    assert len(system.read("/etc/mailproxy/encryption_key")) == 45
    assert len(system.read("/etc/mailproxy/api_token")) == 33


def check_manuals_and_documents(system):
    for program in ("mailproxy-server", "mailproxy-worker"):
        assert "GMP_DATABASE_URL" in system.run("gzip", "-dc", f"/usr/share/man/man8/{program}.8.gz")
    assert "Apache License" in system.read("/usr/share/doc/mailproxy/copyright")
    for name in os.listdir(os.path.join(ROOT, "docs")):
        if name.endswith(".md"):
            system.run("test", "-s", f"/usr/share/doc/mailproxy/{name}")


def check_that_systemd_has_nothing_against_the_units(system):
    said = system.chroots.inside("sh", "-c", 'root=$1; shift; exec systemd-analyze verify --man=no --root="$root" "$@" 2>&1', "verify", system.root, *UNITS)
    assert not [line for line in said.splitlines() if "mailproxy" in line], said


def check_that_each_service_is_as_closed_as_the_document_says(system):
    with open(os.path.join(ROOT, "docs", "install.md"), encoding="utf-8") as f:
        documented = dict(re.findall(r"^\| `(mailproxy-\S+\.service)` \| ([\d.]+) \|", f.read(), re.M))
    assert set(documented) == {unit.replace("@1", "@") for unit in UNITS}
    for unit in UNITS:
        said = system.chroots.inside("systemd-analyze", "security", "--no-pager", "--offline=true", f"--root={system.root}", unit)
        measured = re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1)
        assert measured == documented[unit.replace("@1", "@")], said
        assert float(measured) < 2.0


class Service:
    def __init__(self, machine, unit):
        self.machine, self.unit = machine, unit

    def alive(self):
        return self.machine.state(self.unit) == "active"

    def log(self):
        return self.machine.run("journalctl", "--no-pager", "-o", "cat", "-u", self.unit)

    def show(self, name):
        return self.machine.run("systemctl", "show", "--value", f"--property={name}", self.unit).strip()


def test_from_the_package_to_a_mail_and_back(place, handed, cluster, smtp_sink):
    system = place.new("deb")
    system.take(os.path.join(handed, "build-usr-src-packages.tar"), "/root/packages")
    system.run("apt-get", "update", "-qq")
    system.run("sh", "-c", "apt-get install -y -qq /root/packages/mailproxy_*.deb")
    check_that_secrets_are_for_the_programs_alone(system)
    check_manuals_and_documents(system)
    check_that_systemd_has_nothing_against_the_units(system)
    check_that_each_service_is_as_closed_as_the_document_says(system)

    os.chmod(cluster.directory, 0o711)  # the programs reach its socket as the user mailproxy
    cluster.create_database("mailproxy")
    machine = system.boot({"/run/postgresql": cluster.directory})
    port = free_port()
    machine.run("rm", "/usr/sbin/policy-rc.d")
    machine.run("sed", "-i", f"s/^GMP_PORT=.*/GMP_PORT={port}/", "/etc/mailproxy/mailproxy.env")

    units = ["mailproxy-server.service", "mailproxy-worker@1.service", "mailproxy-worker@2.service"]
    services = [Service(machine, unit) for unit in units]
    machine.run("systemctl", "enable", "--now", *units)
    token = machine.run("cat", "/etc/mailproxy/api_token").strip()
    send_one(f"http://127.0.0.1:{port}", token, smtp_sink.port, services)
    assert smtp_sink.count() == 1
    wait_for(lambda: machine.run("ls", "/var/lib/mailproxy") == "mark\n", "a worker to keep what it has seen of the database")
    for service in services:
        assert machine.run("stat", "-c", "%U", f"/proc/{service.show('MainPID')}") == "mailproxy\n"
        assert not re.search("level=(warn|error)", service.log()), service.log()

    # An upgrade starts anew what runs, and keeps what was set and made.
    kept = [machine.run("cat", f"/etc/mailproxy/{name}") for name in CONFIGURATION]
    before = [service.show("MainPID") for service in services]
    machine.run("sh", "-c", "dpkg --install /root/packages/mailproxy_*.deb")
    assert all(service.alive() and service.show("MainPID") not in before for service in services)

    machine.run("dpkg", "--remove", "mailproxy")
    assert not any(service.alive() for service in services)
    assert kept == [machine.run("cat", f"/etc/mailproxy/{name}") for name in CONFIGURATION]
    machine.run("dpkg", "--purge", "mailproxy")
    elsewhere = " ".join(f"-path {path} -prune -o" for path in ("/proc", "/sys", "/dev", "/run", "/root/packages", "/var/cache/apt"))
    assert machine.run("sh", "-c", f"find / {elsewhere} '(' -name '*mailproxy*' -o -nouser -o -nogroup ')' -print") == ""
    assert machine.run("sh", "-c", "grep -rl --exclude='*-' mailproxy /etc || true") == ""
