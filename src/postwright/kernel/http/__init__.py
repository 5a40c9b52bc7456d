"""The API kit: everything an `api.py` needs to declare operations, and nothing that knows an operation.

`ops` declares (verbs, `Controller`, `provide`), `forms` decodes what a request says, `answers` and `errors`
encode what we say, `paging` and `dates` hold the shared conventions, `openapi` describes it all, `app` puts
it together. Invariants: guards run before any dependency, dependencies before the first byte of a body; bad
input is a 4xx with a message, never a 500; every size, count, depth and wait is bounded.
"""

from . import dates, paging
from .answers import Halt, Raw, Reply, Stream
from .app import Front, make_app, reply_header
from .convert import InvalidParameter, KeepEmpty, Moment
from .multipart import Upload
from .openapi import OpenApi, operations_of
from .ops import PUBLIC, Constant, Controller, Operation, delete, get, patch, post, provide, put

__all__ = [
    "PUBLIC",
    "Constant",
    "Controller",
    "Front",
    "Halt",
    "InvalidParameter",
    "KeepEmpty",
    "Moment",
    "OpenApi",
    "Operation",
    "Raw",
    "Reply",
    "Stream",
    "Upload",
    "dates",
    "delete",
    "get",
    "make_app",
    "operations_of",
    "paging",
    "patch",
    "post",
    "provide",
    "put",
    "reply_header",
]
