"""A database URL as libpq is to take it: as parameters that no environment variable outweighs, and as psql's variables.

libpq fills from the environment whatever a URL leaves open, so that a variable of another project would lead to another
database. Invariant: where the database is and who asks comes from the URL alone. What else counts is listed in
docs/reference/settings.md, and named where a connection fails.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping

from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

from datasync_spider.errors import StorageRefused
from datasync_spider.storage.options import refused_parameter, split_path

# Empty, they are still the URL's and not the environment's: libpq goes on to its own defaults.
_LOCATING = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER"}
_SERVICE = "PGSERVICE"
# What every connection of ours says for itself; see connect.py.
_SAID = {
    "application_name": "PGAPPNAME",
    "client_encoding": "PGCLIENTENCODING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
_COUNTING = {
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "require_auth": "PGREQUIREAUTH",
    "channel_binding": "PGCHANNELBINDING",
    "requirepeer": "PGREQUIREPEER",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslcompression": "PGSSLCOMPRESSION",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcertmode": "PGSSLCERTMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslcrldir": "PGSSLCRLDIR",
    "sslsni": "PGSSLSNI",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "min_protocol_version": "PGMINPROTOCOLVERSION",
    "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "gssdelegation": "PGGSSDELEGATION",
}
# These become settings of the session and no parameter outweighs them. Valid ones change nothing: each transaction
# says for itself what matters. The server refuses the session for invalid ones.
_SENT = ("PGTZ", "PGDATESTYLE", "PGGEQO")
_SECRET = "PGPASSWORD"
_OPTIONS = "PGOPTIONS"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_VARIABLES = {**_LOCATING, "service": _SERVICE, **_SAID, **_COUNTING}


def connection_parameters(database_url: str) -> dict[str, str]:
    """What to connect with.

    As nothing that a URL can say keeps libpq from a service of the environment, that variable is taken out of this
    process's environment; where the URL itself names a service, the others are, since an empty parameter would hide
    the service's. Raises StorageRefused where the URL cannot be understood.
    """
    given = _parsed(database_url)
    if "service" in given:
        for variable in _LOCATING.values():
            os.environ.pop(variable, None)
        return given
    os.environ.pop(_SERVICE, None)
    return {**dict.fromkeys(_LOCATING, ""), **given}


def libpq_environment(database_url: str, environ: Mapping[str, str], *, with_path: bool = True) -> dict[str, str]:
    """``environ``, changed so that any libpq client connects to this database; no password gets onto a command line.

    ``with_path``: whether the options keep a search path, which a pooler may refuse. Raises StorageRefused where the
    URL cannot be understood or holds a parameter that has no variable.
    """
    given = _parsed(database_url)
    unknown = sorted(set(given) - set(_VARIABLES))
    if unknown:
        raise StorageRefused(f"DATABASE_URL has parameters that psql's environment cannot carry: {', '.join(unknown)}")
    if "options" in given and not with_path:
        # Empty, they are still the URL's.
        given["options"], _ = split_path(given["options"])
    kept = {name: value for name, value in environ.items() if name not in {*_LOCATING.values(), _SERVICE}}
    return {**kept, **{_VARIABLES[name]: value for name, value in given.items()}}


def ignored_variables(environ: Mapping[str, str]) -> list[str]:
    """Those that would lead another libpq client to its database, and count for nothing here."""
    return [name for name in (*_LOCATING.values(), _SERVICE) if environ.get(name)]


def counting_variables(environ: Mapping[str, str], database_url: str) -> list[str]:
    """Those that libpq takes from the environment for this URL."""
    given = _parsed(database_url)
    names = [variable for name, variable in _COUNTING.items() if name not in given]
    return [name for name in (*names, *_SENT) if environ.get(name)]


def refused_variable(environ: Mapping[str, str], database_url: str, message: str) -> str | None:
    """The variable of whose value a failed connection's message quotes all, or a word: that does not mend by itself."""
    for name in counting_variables(environ, database_url):
        value = environ[name]
        words = _option_words(value) if name == _OPTIONS else [value]
        if name != _SECRET and any(f'"{word}"' in message for word in words):
            return name
    return None


def refused_part(database_url: str, message: str) -> str | None:
    """What of the URL a failed connection's message is about, where that does not mend by itself, and what to write.

    A role or a database that is not there may come, as where another container makes it; a password does not change.
    """
    given = _parsed(database_url)
    if "sslmode" in given and "SSL was required" in message:
        return f"DATABASE_URL has sslmode={given['sslmode']}: let the server speak TLS, or write another sslmode"
    if not given.get("user") and "service" not in given and _is_about_our_user(message):
        return "DATABASE_URL names no user, so this one's name was taken: write postgresql://USER@HOST/DATABASE"
    if "no password supplied" in message:
        return (
            "DATABASE_URL holds no password, and the server wants one: write postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    # The latter is PgBouncer's, also for a user whom it does not know.
    if "password authentication failed" in message or "SASL authentication failed" in message:
        return "the server does not take user and password of DATABASE_URL: correct them"
    return None


def _is_about_our_user(message: str) -> bool:
    """Libpq logs in by the name of whoever runs this process, which may have none."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return True
    return f'"{name}"' in message and "too many connections" not in message


def _option_words(options: str) -> list[str]:
    """Names and values, in each way to give them: ``-c name=value``, ``-cname=value``, ``--name=value``."""
    words = re.split(r"[\s=]+", options)
    return [word for text in words if (word := text.removeprefix("--").removeprefix("-c"))]


def refused_by_pooler(environ: Mapping[str, str], database_url: str, message: str) -> str | None:
    """What of the URL or the environment a pooler between us and the server does not take, and what to do about it."""
    name = refused_parameter(message)
    if name is None:
        return None
    given = _parsed(database_url)
    if "options" in given or "service" in given:
        place = "the options of DATABASE_URL" if "options" in given else "the service that DATABASE_URL names"
    else:
        variables = [variable for variable in (*_COUNTING.values(), *_SENT) if environ.get(variable)]
        place = next((each for each in variables if each.lower() == f"pg{name}"), name)
    return (
        f"{place}: a pooler takes no settings of a session but search_path in DATABASE_URL; leave it out, set it by"
        f" ALTER ROLE if it is needed, or let the pooler ignore it (PgBouncer: ignore_startup_parameters = {name})"
    )


def _parsed(database_url: str) -> dict[str, str]:
    try:
        return dict(parse_dsn(database_url))
    except ProgrammingError:
        # libpq quotes the part of the URL that it stumbled over, which may be the password.
        unknown = _unknown_parameters(database_url)
        because = f": libpq knows no parameter {' and no '.join(unknown)}" if unknown else ""
        raise StorageRefused(f"DATABASE_URL cannot be understood as a PostgreSQL URL{because}") from None


def _unknown_parameters(database_url: str) -> list[str]:
    """Names alone, and only what looks like one."""
    pairs = database_url.partition("?")[2].split("&")
    names = [name for name in (pair.partition("=")[0] for pair in pairs) if _NAME.fullmatch(name)]
    return [name for name in names if not _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        parse_dsn(f"postgresql:///?{name}=")
    except ProgrammingError:
        return False
    return True
