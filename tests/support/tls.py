"""A certificate authority of our own, and certificates by it, with the openssl program."""

import copy
import os
import ssl
import subprocess
import tempfile


def common_name(certificate):
    """Of what getpeercert() returns."""
    return next(value for rdn in certificate["subject"] for key, value in rdn if key == "commonName")


class Authority:
    def __init__(self, directory):
        self.directory = str(directory)
        self.ca_file = os.path.join(self.directory, "ca.pem")
        self.ca_key = os.path.join(self.directory, "ca.key")
        self.issuers = ""  # to send along with what this one certifies: none of a root
        self._certified = {}
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mailproxy test CA",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.ca_key, "-out", self.ca_file)

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    @property
    def ca_pem(self):
        with open(self.ca_file, encoding="ascii") as f:
            return f.read()

    def certificate(self, name, alt_names="DNS:localhost,IP:127.0.0.1", expired=False):
        """(certificate file, key file) for these names; the same ones when it is asked again."""
        return self._certify(name, f"subjectAltName={alt_names}", expired)

    def intermediate(self, name):
        """An authority that this one certifies."""
        below = copy.copy(self)
        below.ca_file, below.ca_key = self._certify(name, "basicConstraints=critical,CA:TRUE")
        below.directory = tempfile.mkdtemp(prefix=name, dir=self.directory)
        below.issuers = below.ca_pem + self.issuers
        below._certified = {}
        return below

    def _certify(self, name, extension, expired=False):
        what = (name, extension, expired)
        if what not in self._certified:
            self._certified[what] = self._new(os.path.join(self.directory, f"{len(self._certified)}-{name}"), *what)
        return self._certified[what]

    def _new(self, base, name, extension, expired):
        with open(base + ".ext", "w", encoding="ascii") as f:
            f.write(extension + "\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", base + ".key",
                      "-out", base + ".csr")
        self._openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca_file, "-CAkey", self.ca_key,
                      "-CAcreateserial", "-days", "-1" if expired else "30", "-extfile", base + ".ext", "-out", base + ".pem")
        return base + ".pem", base + ".key"

    def client(self, name, **options):
        """An account's tls_client_cert and tls_client_key, by the common name."""
        certificate, key = self.certificate(name, **options)
        with open(certificate, encoding="ascii") as c, open(key, encoding="ascii") as k:
            return {"tls_client_cert": c.read() + self.issuers, "tls_client_key": k.read()}

    def ask(self, context, tls_most=ssl.TLSVersion.MAXIMUM_SUPPORTED):
        """Make a relay's context demand a client's certificate of ours, in this version of TLS at most."""
        context.load_verify_locations(self.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = tls_most

    def pin(self, certificate):
        """curl's form of the SHA-256 of the public key: sha256//base64."""
        script = (f"openssl x509 -in {certificate} -pubkey -noout | openssl pkey -pubin -outform der"
                  " | openssl dgst -sha256 -binary | openssl enc -base64")
        out = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout
        return "sha256//" + out.strip()
