"""Support for tests with real server processes. Needs nothing but Python's standard library."""

from .bodies import key_of, make_body
from .case import ServerCase, main, ours_only, take_flag
from .certificates import Authority
from .draining import drain
from .publishing import OK, WAYS, Acknowledged, Publisher
from .server import Server, is_sanitized, is_stock, memory_limit, raise_file_limit, run_to_exit
from .v2 import (BARRIER, ERROR, MESSAGE, RESPONSE, Client, Closed, Frame, dpub, identify, mpub, mpub_body,
                 parse_message, pub, sized)
from .waiting import DEADLINE_S, wait_until
from .web import Reply, Web
