"""
Fresh Debian systems to build, install and run in: chroots made from one debootstrap.

They lie in a namespace of mounts and processes of their own. What is mounted and what runs in them is gone when a Chroots is closed, and when the
process that made it dies. Their devices are their own, and they cannot write the kernel's settings; the network is the host's.

What was fetched is kept in ~/.cache/mailproxy (XDG_CACHE_HOME) from one run to the next, for a month: the base system, and packages, of which apt takes
those that are still the current ones.
"""

import contextlib
import fcntl
import itertools
import os
import shlex
import subprocess
import tempfile
import time

from .waiting import wait_for

SUITE = "bookworm"
BASE_AGE_S = 30 * 86400
ROOMY_OCTETS = 6 << 30  # with so much memory free the chroots lie in it
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n", "--"]
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "mailproxy")
ARCHIVES = os.path.join(CACHE, "archives")
# Nothing of the caller's environment but the way to the mirror.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
               **{k: v for k, v in os.environ.items() if k.lower() in ("http_proxy", "https_proxy", "no_proxy")}}

_number = itertools.count()

# In the root of a chroot. Nodes of its own: what is done to the mode of one must not be done to the host's. And what is below /proc/sys is the host's.
MOUNT_PROC = "mount -t proc proc proc; mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys"
MOUNT_DEV = """
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    chmod 1777 dev/shm
    ln -s /proc/self/fd dev/fd
    ln -s pts/ptmx dev/ptmx
    mknod -m 666 dev/null c 1 3
    mknod -m 666 dev/zero c 1 5
    mknod -m 666 dev/full c 1 7
    mknod -m 666 dev/random c 1 8
    mknod -m 666 dev/urandom c 1 9
    mknod -m 666 dev/tty c 5 0
"""
# What a process in it cannot do to the host though it is root.
NOT_ALLOWED = "-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-wake_alarm"


def run(*argv, what=None, **options):
    """Run to its end with success; else fail with what it said last."""
    options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:]
        raise AssertionError(f"{what or shlex.join(argv)} failed with {done.returncode}:\n{said}")
    return done.stdout.decode("utf-8", "replace")


@contextlib.contextmanager
def one_at_a_time(path):
    with open(path, "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _mirror():
    """Where this machine takes the suite from."""
    targets = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    for release, component, uri in (line.split(" ", 2) for line in targets.splitlines()):
        if (release, component) == (SUITE, "main"):
            return uri.rstrip("/")
    return "http://deb.debian.org/debian"


def _apt_configuration():
    """This machine's way to the mirror (proxies), in apt's own words; and no more work than is needed."""
    lines = [line for line in run("apt-config", "dump").splitlines() if line.startswith("Acquire::") and "proxy" in line.lower()]
    return "\n".join([*lines, 'Acquire::Languages "none";', 'APT::Install-Recommends "false";', ""])


def base():
    """The path of a tar file with the base system."""
    os.makedirs(ARCHIVES, exist_ok=True)
    path = os.path.join(CACHE, f"{SUITE}-base.tar")
    with one_at_a_time(path + ".lock"):
        if not os.path.exists(path) or time.time() - os.path.getmtime(path) > BASE_AGE_S:
            _debootstrap(path)
    return path


def _debootstrap(path):
    mirror = _mirror()
    run(*AS_ROOT, "find", ARCHIVES, "-name", "*.deb", "-delete")  # by now there are newer ones of most
    with Chroots() as chroots:
        chroots.inside(
            "debootstrap", "--variant=minbase", f"--cache-dir={ARCHIVES}", *(["--include=ca-certificates"] if mirror.startswith("https:") else []),
            SUITE, f"{chroots.directory}/base", mirror,
            what=f"debootstrap from {mirror}, without which the packages' tests cannot run,")
        script = """
            cd "$1"/base
            cat >etc/apt/apt.conf.d/90test
            echo "deb $3 $4 main" >etc/apt/sources.list
            echo force-unsafe-io >etc/dpkg/dpkg.cfg.d/test
            printf '#!/bin/sh\\nexit 101\\n' >usr/sbin/policy-rc.d; chmod +x usr/sbin/policy-rc.d
            rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/*
            tar --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --one-file-system -cf "$2".new .
            mv "$2".new "$2"
        """
        chroots.inside("sh", "-euc", script, "base", chroots.directory, path, mirror, SUITE, input=_apt_configuration().encode())


class Chroots:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="mptest-chroots-", dir="/var/tmp")
        self.roots = []
        self.machines = []
        # A process that does nothing is the first of its namespace: with it all others end. It ends when its input does, which this process holds.
        script = f"{'mount -t tmpfs -o mode=755 tmpfs ' + shlex.quote(self.directory) if self._is_roomy() else ':'}" \
                 " && read -r pid rest </proc/self/stat && echo $pid && exec cat"
        self.holder = subprocess.Popen([*AS_ROOT, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pid = self.holder.stdout.readline().decode().strip()
        assert pid, "these tests make chroots, as root or through sudo without a password, and need unshare(1) to work"
        self.enter = [*AS_ROOT, "nsenter", f"--target={pid}", "--mount", "--pid", "--", "env", "-i",
                      *[f"{k}={v}" for k, v in ENVIRONMENT.items()]]

    @staticmethod
    def _is_roomy():
        with open("/proc/meminfo", encoding="ascii") as f:
            free = next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable"))
        return free > ROOMY_OCTETS

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def inside(self, *argv, **options):
        """Run in the namespace, with the host's files."""
        return run(*self.enter, *argv, **options)

    def new(self, name):
        chroot = Chroot(self, name)
        script = f"""
            mkdir "$1"
            cd "$1"
            tar -xf "$2"
            {MOUNT_PROC}
            {MOUNT_DEV}
            cp -- "$3"/*.deb var/cache/apt/archives/ 2>/dev/null || true
            cat /etc/resolv.conf >etc/resolv.conf
            cat /etc/hosts >etc/hosts
        """
        self.inside("sh", "-euc", script, "new", chroot.root, base(), ARCHIVES)
        self.roots.append(chroot.root)
        return chroot

    def close(self):
        for root in self.roots:  # each had a folder of its own, which apt locks
            self.inside("sh", "-c", 'cp -n -- "$1"/var/cache/apt/archives/*.deb "$2"/', "keep", root, ARCHIVES)
        self.holder.stdin.close()
        self.holder.wait()
        for machine in self.machines:
            machine.forget()
        self.holder.stdout.close()
        run(*AS_ROOT, "rm", "-rf", "--one-file-system", self.directory)


class Chroot:
    def __init__(self, chroots, name):
        self.chroots = chroots
        self.root = os.path.join(chroots.directory, name)

    def run(self, *argv, **options):
        return self.chroots.inside("setpriv", f"--bounding-set={NOT_ALLOWED}", "chroot", self.root, *argv, **options)

    def write(self, path, text, mode="0644"):
        self.run("sh", "-euc", 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"', "write", path, mode, input=text.encode())

    def read(self, path):
        return self.run("cat", path)

    def take(self, tar_file, directory):
        """What is in a tar file, below a directory."""
        self.run("mkdir", "-p", directory)
        with open(tar_file, "rb") as f:
            self.run("tar", "--no-same-owner", "-xf", "-", "-C", directory, stdin=f)

    def give(self, directory, tar_file):
        """What is below a directory, as a tar file."""
        with open(tar_file, "wb") as f:
            subprocess.run([*self.chroots.enter, "chroot", self.root, "tar", "-cf", "-", "-C", directory, "."], stdout=f, check=True)

    def mount(self, source, directory):
        """A directory of the host."""
        self.chroots.inside("sh", "-euc", 'mkdir -p "$2"; mount --bind "$1" "$2"', "mount", source, self.root + directory)

    def start(self, *argv, uid, gid, env, log, read_only=False, writable=(), memory=()):
        """
        A program, without any right that a user does not have.
        read_only: nothing can be written but the directories `writable`; `memory` are empty ones in memory, (directory, mount options).
        """
        script = ["set -eu", f"cd {shlex.quote(self.root)}"]
        if read_only:
            script += [f"mount --bind .{path} .{path}" for path in writable]
            script += ["mount --rbind . .", f"cd {shlex.quote(self.root)}", "mount -o remount,bind,ro ."]
        script += [f"mount -t tmpfs -o {shlex.quote(options or 'rw')} tmpfs .{path}" for path, options in memory]
        pid_file = os.path.join(self.chroots.directory, f"pid{next(_number)}")
        script += [f"echo $$ >{pid_file}", 'exec chroot . "$@"']
        command = [*self.chroots.enter, "unshare", "--mount", "sh", "-c", "; ".join(script), "start",
                   "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                   "env", *[f"{k}={v}" for k, v in env.items()], *argv]
        with open(log, "ab") as f:
            return Started(self.chroots, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f), pid_file, log)

    def boot(self):
        """systemd as its first process, up to multi-user.target."""
        script = f"""
            mkdir "$1.cgroup" # of its own, wherever the host has its
            mount -t cgroup2 cgroup2 "$1.cgroup"
            mkdir "$1.cgroup/$3"
            echo $$ >"$1.cgroup/$3/cgroup.procs"
            exec unshare --mount --pid --fork --kill-child --cgroup --uts --ipc sh -euc '
                read -r pid rest </proc/self/stat
                mount --rbind "$1" "$1"
                cd "$1"
                {MOUNT_PROC}
                {MOUNT_DEV}
                mount -t tmpfs -o mode=755 tmpfs run
                mount -t sysfs -o ro sysfs sys
                mount -t cgroup2 cgroup2 sys/fs/cgroup
                echo "$pid" >"$2"
                pivot_root . mnt # a root that is a mount, as services with mounts of their own want it
                cd /
                umount -l mnt
                exec setpriv --bounding-set={NOT_ALLOWED} env -i container=chroot PATH=/usr/sbin:/usr/bin \
                    /lib/systemd/systemd --unit=multi-user.target --show-status=0' boot "$1" "$2"
        """
        machine = Machine(self)
        machine.start(script)
        return machine


class Machine:
    """A chroot with systemd at work in it."""

    def __init__(self, chroot):
        self.chroot = chroot
        self.cgroup = os.path.basename(chroot.chroots.directory) + f"-{next(_number)}"
        self.enter = None

    def start(self, script):
        chroots = self.chroot.chroots
        pid_file = f"{chroots.directory}/{self.cgroup}.pid"
        first = subprocess.Popen([*chroots.enter, "sh", "-euc", script, "boot", self.chroot.root, pid_file, self.cgroup], stdin=subprocess.DEVNULL)
        chroots.machines.append(self)

        def pid():
            assert first.poll() is None, "systemd did not start"
            return chroots.inside("sh", "-c", 'cat "$1" 2>/dev/null || true', "pid", pid_file).strip()

        self.enter = [*AS_ROOT, "nsenter", f"--target={wait_for(pid, 'systemd to begin')}", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--root",
                      "--wdns=/", "--", "env", "-i", *[f"{k}={v}" for k, v in ENVIRONMENT.items()]]
        wait_for(lambda: self.state("multi-user.target") == "active", "the system to be up", timeout=60)

    def run(self, *argv, **options):
        return run(*self.enter, *argv, **options)

    def type(self, line):
        """What somebody types in the folder with the packages."""
        return self.run("sh", "-c", f"cd /srv/packages; {line}", what=line)

    def state(self, unit):
        return self.run("sh", "-c", 'systemctl is-active "$1" || true', "state", unit).strip()

    def forget(self):
        """Its cgroups, once its processes are gone."""
        script = 'mount -t cgroup2 cgroup2 "$1"; find "$1/$2" -depth -type d -exec rmdir {} +'
        command = [*AS_ROOT, "unshare", "--mount", "sh", "-euc", script, "forget", self.chroot.chroots.directory, self.cgroup]
        wait_for(lambda: subprocess.run(command, check=False, capture_output=True).returncode == 0, "the end of the system's processes")


class Started:
    def __init__(self, chroots, process, pid_file, log):
        self.chroots, self.process, self.pid_file, self.log_path = chroots, process, pid_file, log

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """SIGTERM; what it ended with."""
        self.chroots.inside("sh", "-euc", 'kill -TERM "$(cat "$1")"', "stop", self.pid_file)
        return self.process.wait(60)


