"""Message bodies that show whether they are whole."""

import hashlib


def make_body(key, size=0):
    """A body with this key (text without a bar), and with as much more as makes it `size` bytes."""
    head = f"{key}|{size}|".encode()
    digest = hashlib.blake2b(head, digest_size=8).hexdigest().encode()
    return head + digest * max(1, -(-(size - len(head)) // len(digest)))


def key_of(body):
    """The key of a whole body. Raises AssertionError for one that was never published so."""
    key, _, rest = body.partition(b"|")
    size = rest.partition(b"|")[0]
    if not size.isdigit() or len(size) > 8 or make_body(key.decode("latin-1"), int(size)) != body:
        raise AssertionError(f"a corrupted body was delivered: {body[:200]!r}")
    return key.decode()
