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


def commands(heading):
    """What the document says to type, line by line; of Docker elsewhere."""
    with open(os.path.join(ROOT, "docs", "install.md"), encoding="utf-8") as f:
        section = f.read().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"(?:^    .*\n)+", section, re.M).group(0)
    return [line.split(" #")[0].strip() for line in block.splitlines() if "docker" not in line]


def install(place, handed):
    """A Debian with nothing but systemd, in which the document's first lines are typed, up to those that start the services."""
    chroot = place.new("deb")
    chroot.run("apt-get", "update", "-qq")
    chroot.run("apt-get", "install", "-y", "-qq", "systemd-sysv")
    chroot.take(os.path.join(handed, "build-usr-src-packages.tar"), "/srv/packages")
    chroot.write("/etc/apt/apt.conf.d/91test", 'APT::Get::Assume-Yes "true"; quiet "1";')
    chroot.write("/etc/postgresql-common/createcluster.conf", "listen_addresses = ''")  # the network is shared with others
    machine = chroot.boot()
    machine.run("rm", "-f", "/usr/sbin/policy-rc.d")
    typed = commands("From the Debian package to the first mail")
    assert typed[-1].startswith("systemctl enable --now ")
    for line in typed[:-1]:
        machine.type(line)
    return chroot, machine, typed[-1]


def test_from_the_package_to_a_mail_and_back(place, handed, smtp_sink):
    system, machine, start = install(place, handed)
    check_that_secrets_are_for_the_programs_alone(system)
    check_manuals_and_documents(system)
    check_that_systemd_has_nothing_against_the_units(system)
    check_that_each_service_is_as_closed_as_the_document_says(system)

    # Where this host has 5432 or 8000 in use.
    port, database_port = free_port(), machine.run("pg_lsclusters", "--no-header").split()[2]
    machine.run("sed", "-i", f"s/^GMP_PORT=.*/GMP_PORT={port}/; /^GMP_DATABASE_URL=/s/$/\\&port={database_port}/", "/etc/mailproxy/mailproxy.env")

    units = ["mailproxy-server.service", *[f"mailproxy-worker@{n}.service" for n in (1, 2, 3)]]
    services = [Service(machine, unit) for unit in units]
    machine.type(start)
    machine.type(commands("Several workers")[0])
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
    machine.run("sh", "-c", "dpkg --install /srv/packages/mailproxy_*.deb")  # the version is the same, for which apt would do nothing
    assert all(service.alive() and service.show("MainPID") not in before for service in services)

    remove, purge = commands("Uninstalling")
    machine.type(remove)
    assert not any(service.alive() for service in services)
    assert kept == [machine.run("cat", f"/etc/mailproxy/{name}") for name in CONFIGURATION]
    machine.type(purge)
    elsewhere = " ".join(f"-path {path} -prune -o" for path in ("/proc", "/sys", "/dev", "/run", "/srv/packages", "/var/cache/apt"))
    assert machine.run("sh", "-c", f"find / {elsewhere} '(' -name '*mailproxy*' -o -nouser -o -nogroup ')' -print") == ""
    assert machine.run("sh", "-c", "grep -rl --exclude='*-' mailproxy /etc || true") == ""
