"""A certificate authority of our own, and certificates by it, with the openssl program."""

import os
import subprocess


class Authority:
    def __init__(self, directory):
        self.directory = str(directory)
        self.ca_file = os.path.join(self.directory, "ca.pem")
        self.ca_key = os.path.join(self.directory, "ca.key")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mailproxy test CA",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.ca_key, "-out", self.ca_file)

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    @property
    def ca_pem(self):
        with open(self.ca_file, encoding="ascii") as f:
            return f.read()

    def certificate(self, name, alt_names="DNS:localhost,IP:127.0.0.1"):
        """(certificate file, key file) for these names."""
        base = os.path.join(self.directory, name)
        with open(base + ".ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alt_names}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", base + ".key",
                      "-out", base + ".csr")
        self._openssl("x509", "-req", "-in", base + ".csr", "-CA", self.ca_file, "-CAkey", self.ca_key,
                      "-CAcreateserial", "-days", "30", "-extfile", base + ".ext", "-out", base + ".pem")
        return base + ".pem", base + ".key"

    def pin(self, certificate):
        """curl's form of the SHA-256 of the public key: sha256//base64."""
        script = (f"openssl x509 -in {certificate} -pubkey -noout | openssl pkey -pubin -outform der"
                  " | openssl dgst -sha256 -binary | openssl enc -base64")
        out = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout
        return "sha256//" + out.strip()
