"""Certificates for one test, made with the openssl command in a directory of its own."""

import os
import ssl
import subprocess
import warnings

from .waiting import DEADLINE_S

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_RSA_KEY = ("-newkey", "rsa:2048", "-nodes")
_DAYS = "2"


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE_S)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")


class Authority:
    """Signs certificates. `file` is its own."""

    def __init__(self, directory, name="ca"):
        self._directory = directory
        self.file, self._key = self._paths(name)
        _openssl("req", "-x509", *_KEY, "-keyout", self._key, "-out", self.file, "-days", _DAYS, "-subj", f"/CN={name}")

    def sign(self, name, common_name=None, rsa=False):
        """Makes a certificate and its key, over those of that name if there are some. Returns both paths. It is for
        "localhost" as well, which nsqjs takes every server to be."""
        certificate, key = self._paths(name)
        kind = _RSA_KEY if rsa else _KEY
        _openssl("req", "-x509", "-CA", self.file, "-CAkey", self._key, *kind, "-keyout", key, "-out", certificate,
                 "-days", _DAYS, "-subj", f"/CN={common_name or name}",
                 "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                 "-addext", "basicConstraints=critical,CA:FALSE")
        return certificate, key

    def trusting(self, identity=None, version=None):
        """The context of a client that trusts this authority, with (certificate, key) of its own, or none."""
        context = ssl.create_default_context(cafile=self.file)
        if identity:
            context.load_cert_chain(*identity)
        if version:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of old versions
                context.minimum_version = context.maximum_version = version
            # Old versions sign with SHA-1, which OpenSSL has on this level only.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context

    def _paths(self, name):
        return os.path.join(self._directory, name + ".pem"), os.path.join(self._directory, name + ".key")
