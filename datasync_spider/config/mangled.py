"""Recognises what happened to a value on its way here.

Such as quotes that a file kept, a name that nothing expanded, an address that an orchestrator put into the variable.

Invariant: what is said never repeats the value, which may be a secret. A look is a guess, so nothing is mended here:
whether a guess is a refusal, an addition to one, or a warning, is the reader's decision. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# With those that word processors and chat programs put in the place of the plain ones.
_QUOTES = "'\"`‘’‚‛“”„‟«»‹›´′″"
_ORCHESTRATED = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
_UNEXPANDED = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|^\$[A-Za-z_][A-Za-z0-9_]*$|^%[A-Za-z_][A-Za-z0-9_]*%$")
_SCHEME = re.compile(r"(?:bearer|basic|token|api-?key)[\s:=]", re.IGNORECASE)
_OWN_NAME = re.compile(r"(?:export\s+)?(?:[a-z]+[-_])?api[-_]?key\s*[=:]", re.IGNORECASE)
_WRITTEN_ESCAPE = re.compile(r"\\[nrt]$|%0[ad]$", re.IGNORECASE)
_NOT_A_WORD = re.compile(r"[^a-z0-9]")
_PLACEHOLDER = re.compile(
    # A word that only asks for a key; "key" alone may be the key of someone who tries things out.
    r"(?!(?:key|token|secret)$)"
    r"(?:put|insert|enter|add|paste|set|use)?(?:your|my|the|an?|some)?(?:own|real|actual)?(?:datasync)?"
    r"(?:secret|access|live)?(?:api)?(?:key|token|secret)(?:goes)?(?:here|value|123)?"
    r"|(?:please)?(?:change|replace|fill)(?:me|this|it|in|mein)?|todo|tbd|fixme|placeholder|example|dummy"
    r"|none|null|nil|undefined|unset|true|false"
)
_BRACKETED = re.compile(r"<.*>|\[.*\]", re.DOTALL)
_MASKED = re.compile(r"[*xX.•#…_-]+")

_QUOTES_STAY = "Docker's --env-file, Kubernetes manifests and many forms take quotes as a part of the value"


def is_enclosed(text: str) -> bool:
    """In quotes on both sides."""
    return len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES


def has_quote_at_an_end(text: str) -> bool:
    """In quotes, or with one half of them left."""
    return bool(text) and (text[0] in _QUOTES or text[-1] in _QUOTES)


def is_orchestrated(text: str) -> bool:
    """The form of the variables that Kubernetes and Docker's links make for a service."""
    return _ORCHESTRATED.match(text) is not None


def hint(name: str, text: str) -> str | None:
    """Why ``text`` may not be what was meant for ``name``; None where it looks like nothing that is known."""
    if is_orchestrated(text):
        service = name.removesuffix("_PORT").lower().replace("_", "-")
        named = f" {service}" if name.endswith("_PORT") else ""
        return (
            "such values come from Kubernetes or Docker links, which set NAME_PORT for a service called NAME:"
            f" rename the service{named}, switch that off (enableServiceLinks: false), or set {name} for this container"
        )
    if has_quote_at_an_end(text):
        return f"the quote belongs to the value: leave the quotes out ({_QUOTES_STAY})"
    if _UNEXPANDED.search(text):
        return "it looks like the name of another variable, which nothing has replaced by its value"
    return None


def key_doubts(text: str, about_scheme: str = "give the key alone, it is sent without one") -> Iterator[str]:
    """What speaks against ``text`` being a key as it was given out, each with what to do.

    ``about_scheme``: what to do about one that begins with the name of a scheme.
    """
    if has_quote_at_an_end(text):
        yield f"it begins or ends with a quote, which is sent with the key: leave the quotes out ({_QUOTES_STAY})"
    bare = text.strip(_QUOTES).strip()
    if _SCHEME.match(bare):
        yield f"it begins with the name of a scheme, such as Bearer: {about_scheme}"
    if _OWN_NAME.match(bare):
        yield "it begins with the name of the setting or of the header: give what stands behind it alone"
    if _UNEXPANDED.search(bare):
        yield "it looks like the name of another variable, which nothing has replaced by its value"
    elif _is_placeholder(bare):
        yield "it looks like a placeholder out of an example: put the key there that you were given"
    if _WRITTEN_ESCAPE.search(bare):
        yield "it ends with a line end that is written out, as \\n or %0A: leave it out"
    if not text.isascii() and not has_quote_at_an_end(text):
        yield "it holds characters outside of ASCII, such as an invisible one that was copied along: copy it anew"


def _is_placeholder(text: str) -> bool:
    words = _NOT_A_WORD.sub("", text.lower())
    return bool(
        _BRACKETED.fullmatch(text) or _MASKED.fullmatch(text) or (words and _PLACEHOLDER.fullmatch(words)) is not None
    )
