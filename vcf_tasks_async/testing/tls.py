"""TLS for the simulator: an authority of its own, and a certificate for the loopback names.

Needs trustme, which the `testing` extra brings; imported only when TLS is asked for.
"""

import hashlib
import ssl
import tempfile
import weakref
from pathlib import Path

__all__ = ["ServerCertificate"]


class ServerCertificate:
    """A certificate for *hosts* from a new authority, and what a client needs to trust it.

    `ca_file` is the authority's certificate in a temporary PEM file, which goes away with this object;
    `fingerprint` is the SHA-256 of the server's certificate in lower-case hex.
    """

    def __init__(self, *hosts: str) -> None:
        try:
            import trustme  # noqa: PLC0415 - an extra, and only for TLS
            from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above
            from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above
        except ImportError as missing:
            raise ImportError(
                "the simulator speaks TLS with trustme: pip install 'vcf-tasks-async[testing]'"
            ) from missing
        authority = trustme.CA()
        issued = authority.issue_cert(*dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1"]))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self.context)
        leaf = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
        self.fingerprint = hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
        # One wrong reference must not leave files behind: the finalizer removes the directory.
        directory = tempfile.TemporaryDirectory(prefix="vcf-tasks-simulator-", ignore_cleanup_errors=True)
        self.ca_file = str(Path(directory.name) / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self._cleanup = weakref.finalize(self, directory.cleanup)
