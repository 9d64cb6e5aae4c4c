"""
A Postfix of the tests' own: its configuration, queue, passwords and mailbox are in one directory, its ports on loopback, and
it ends with close(). A relay as it is in use: TLS, AUTH by Cyrus SASL, and nothing taken without them.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from .ports import free_port
from .waiting import wait_for

DAEMONS = "/usr/lib/postfix/sbin"
REALM = "postfix.test"
# Not those of test_tls.py: implicit TLS is what port 465 means, so each relay needs an address of its own.
IMPLICIT_TLS_ADDRESS = "127.0.4.66"
NAMES = f"DNS:localhost,IP:127.0.0.1,IP:{IMPLICIT_TLS_ADDRESS}"

# Of any instance.
MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {dir}
maillog_file = {dir}/log
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.postfix.test
mydestination =
alias_maps =
"""

TO_MAILBOX = """
default_transport = virtual
virtual_mailbox_domains =
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_local_domain = {realm}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_restrictions = check_sender_access inline:{{{{forbidden@example.com=REJECT}}}}
message_size_limit = 20000
mailbox_size_limit = 0
"""

MASTER = """
pickup    unix  n  -  n  60   1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
tlsmgr    unix  -  -  n  1000? 1 tlsmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
verify    unix  -  -  n  -    1  verify
proxymap  unix  -  -  n  -    -  proxymap
virtual   unix  -  n  n  -    -  virtual
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
anvil     unix  -  -  n  -    1  anvil
postlog   unix-dgram n - n -  1  postlogd
"""


class Instance:
    """
    Its directory, ports, log and master(8). A subclass writes what more its services need, and then calls
    start() with what main.cf and master.cf have beyond MAIN and MASTER.
    """

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="mailproxy-postfix-")
        os.chmod(self.directory, 0o755)  # its processes are not all root's
        for name in ("conf", "conf/sasl", "queue", "data", "mail"):
            os.mkdir(self._path(name))
        shutil.chown(self._path("mail"), "nobody")
        shutil.chown(self._path("data"), "postfix")
        self.process = None

    def start(self, main, services):
        self._write("conf/main.cf", MAIN.format(dir=self.directory, daemons=DAEMONS) + main)
        self._write("conf/master.cf", MASTER + services)
        subprocess.run(["/usr/sbin/postfix", "-c", self._path("conf"), "check"], check=True, capture_output=True)
        # In a session of its own, for master(8) ends its whole process group.
        self.process = subprocess.Popen([f"{DAEMONS}/master", "-c", self._path("conf"), "-d"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(self._listens, "Postfix to listen")

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as f:
            f.write(text)

    def _listens(self):
        assert self.process.poll() is None, "Postfix ended while starting:\n" + self.log()
        return "daemon started" in self.log()

    def log(self):
        try:
            with open(self._path("log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        shutil.rmtree(self.directory, ignore_errors=True)


class Forwarder(Instance):
    """Takes everything at `port`, without TLS or AUTH, and sends it on to the relay at `next_port`, as Postfix is by default."""

    def __init__(self, next_port):
        super().__init__()
        self.port = free_port()
        self.start(f"relayhost = [127.0.0.1]:{next_port}\nsmtpd_relay_restrictions = permit_mynetworks, reject\n",
                   f"127.0.0.1:{self.port} inet n - n - - smtpd\nsmtp unix - - n - - smtp\n")


class Postfix(Instance):
    """
    ports[mechanism]: STARTTLS is mandatory there, and AUTH is by that mechanism; ports["any"] offers them all.
    ports["certificate"]: no AUTH; it serves who has a certificate of the tests' authority.
    """

    MECHANISMS = {"plain": "PLAIN", "login": "LOGIN", "cram-md5": "CRAM-MD5", "any": "PLAIN LOGIN CRAM-MD5"}

    def __init__(self, authority):
        super().__init__()
        self.ports = {name: free_port() for name in (*self.MECHANISMS, "certificate")}
        self.ca_file = authority.ca_file
        certificate, key = authority.certificate("postfix", NAMES)
        for name, mechanisms in self.MECHANISMS.items():
            self._write(f"conf/sasl/{name}.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                        f"sasldb_path: {self._path('sasldb')}\nmech_list: {mechanisms}\n")
        self.start(TO_MAILBOX.format(dir=self.directory, certificate=certificate, key=key, realm=REALM,
                                     nobody=pwd.getpwnam("nobody").pw_uid), self._services())

    def _services(self):
        lines = [f"127.0.0.1:{port} inet n - n - - smtpd -o smtpd_sasl_path={name}" for name, port in self.ports.items()
                 if name in self.MECHANISMS]
        lines.append(f"127.0.0.1:{self.ports['certificate']} inet n - n - - smtpd -o smtpd_sasl_auth_enable=no"
                     f" -o smtpd_tls_req_ccert=yes -o smtpd_tls_CAfile={self.ca_file}"
                     " -o {smtpd_relay_restrictions=permit_tls_all_clientcerts,reject} -o smtpd_tls_received_header=yes")
        lines.append(f"{IMPLICIT_TLS_ADDRESS}:465 inet n - n - - smtpd -o smtpd_sasl_path=any -o smtpd_tls_wrappermode=yes")
        return "\n".join(lines) + "\n"

    def add_user(self, name, password):
        """The user is name@REALM. Also changes a password."""
        subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", self._path("sasldb"), "-u", REALM, name],
                       input=password.encode(), check=True)
        shutil.chown(self._path("sasldb"), "postfix")

    def mailbox(self):
        """What was delivered: the client ids of the mails, each with its octets (lines end in LF in a mailbox)."""
        found = {}
        folder = self._path("mail/box/new")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), "rb") as f:
                octets = f.read()
            ids = [line[17:].decode() for line in octets.split(b"\n") if line.startswith(b"X-Genro-Mail-ID: ")]
            found.setdefault(ids[0], []).append(octets)
        return found
