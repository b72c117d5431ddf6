"""Named detectors of secrets. Nothing is guessed from entropy, and no secret is repeated whole."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

SHOWN = 4


@dataclass(frozen=True)
class Detector:
    """A kind of secret with a form of its own. `keeps` is how much of it may be shown."""

    rule: str
    what: str
    pattern: re.Pattern[bytes]
    keeps: int = SHOWN


def _detector(rule: str, what: str, pattern: str, keeps: int = SHOWN) -> Detector:
    return Detector(rule, what, re.compile(pattern.encode()), keeps)


DETECTORS = (
    _detector("aws-access-key-id", "AWS access key id", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _detector(
        "aws-secret-access-key",
        "AWS secret access key",
        r"(?i)aws_?secret_?access_?key['\"]?\s{0,5}[:=]\s{0,5}['\"]?"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
        0,
    ),
    _detector("github-token", "GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    _detector("github-token", "GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{30,255}\b", 11),
    _detector("slack-token", "Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    _detector("slack-token", "Slack token", r"\bxapp-\d-[A-Za-z0-9-]{10,250}"),
    _detector(
        "slack-webhook",
        "Slack webhook",
        r"hooks\.slack\.com/services/(?P<secret>T[A-Z0-9]{5,20}/B[A-Z0-9]{5,20}/[A-Za-z0-9]{10,50})",
        1,
    ),
    _detector("anthropic-key", "Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,250}", 7),
    _detector("openai-key", "OpenAI key", r"\bsk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,250}", 3),
    _detector("openai-key", "OpenAI key", r"\bsk-[A-Za-z0-9]{32,250}\b", 3),
    _detector(
        "json-web-token",
        "JSON web token",
        r"\beyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}",
    ),
    _detector(
        "private-key",
        "private key",
        r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        27,
    ),
)


def secrets_in(line: bytes) -> Iterator[tuple[Detector, bytes]]:
    """Yield every secret in a line with the detector that knows its kind."""
    for detector in DETECTORS:
        for match in detector.pattern.finditer(line):
            secret = match["secret"] if "secret" in detector.pattern.groupindex else match[0]
            if detector.rule != "json-web-token" or _is_token(secret):
                yield detector, secret


def masked(detector: Detector, secret: bytes) -> str:
    """Return the secret's beginning and length: enough to find it, too little to use it."""
    return f"{secret[: detector.keeps].decode()}\N{HORIZONTAL ELLIPSIS} ({len(secret)} characters)"


def _is_token(secret: bytes) -> bool:
    head = secret.partition(b".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header
