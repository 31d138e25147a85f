"""Secrets known by their own looks: keys with a vendor's prefix, tokens, private keys, connection strings."""

from __future__ import annotations

import re

from router_ml.guardrails.detector import Detector, Span
from router_ml.guardrails.placeholders import is_placeholder, looks_random

# type, pattern, triggers. Keys that vendors mark by a prefix; open-ended ones need no end, the rest an exact length.
_PREFIXED: tuple[tuple[str, str, str], ...] = (
    ("aws_access_key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])", "akia asia abia acca"),
    ("github_token", r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{36,255}", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_"),
    ("gitlab_token", r"gl(?:pat|ptt|dt|rt|cbt|agent)-[\w-]{20,255}", "glpat- glptt- gldt- glrt- glcbt- glagent-"),
    ("anthropic_key", r"sk-ant-[\w-]{20,255}", "sk-ant-"),
    ("stripe_key", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[A-Za-z0-9+/=]{20,255}", "k_live_ k_test_ whsec_"),
    ("slack_token", r"xox[abeoprs]-[\w-]{10,255}|xapp-\d-[\w-]{10,255}", "xox xapp-"),
    ("slack_webhook", r"hooks\.slack\.com/(?:services|workflows)/[\w/]{20,255}", "hooks.slack.com"),
    ("discord_webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{40,100}", "/api/webhooks/"),
    ("google_api_key", r"AIza[\w-]{35}(?![\w-])", "aiza"),
    ("google_oauth", r"GOCSPX-[\w-]{20,64}|ya29\.[\w-]{20,512}", "gocspx- ya29."),
    ("huggingface_token", r"hf_[A-Za-z0-9]{30,64}", "hf_"),
    ("npm_token", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])", "npm_"),
    ("pypi_token", r"pypi-AgE[\w-]{50,512}", "pypi-age"),
    ("sendgrid_key", r"SG\.[\w-]{16,64}\.[\w-]{16,128}", "sg."),
    ("twilio_key", r"SK[0-9a-f]{32}(?![A-Za-z0-9])", "sk"),
    ("digitalocean_token", r"do[opr]_v1_[a-f0-9]{64}", "_v1_"),
    ("telegram_token", r"\d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])", ":aa"),
    ("shopify_token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "shpat_ shpca_ shppa_ shpss_"),
    ("groq_key", r"gsk_[A-Za-z0-9]{40,64}", "gsk_"),
    ("xai_key", r"xai-[A-Za-z0-9]{40,128}", "xai-"),
    ("replicate_token", r"r8_[A-Za-z0-9]{30,64}", "r8_"),
    ("databricks_token", r"dapi[a-f0-9]{32}", "dapi"),
    ("vault_token", r"hv[sb]\.[\w-]{24,255}", "hvs. hvb."),
    ("atlassian_token", r"ATATT3[\w=-]{40,255}", "atatt3"),
    ("linear_key", r"lin_api_[A-Za-z0-9]{32,64}", "lin_api_"),
    ("mailgun_key", r"key-[0-9a-f]{32}(?![A-Za-z0-9])", "key-"),
    ("newrelic_key", r"NRAK-[A-Z0-9]{24,32}", "nrak-"),
    ("square_token", r"sq0[a-z]{3}-[\w-]{20,64}", "sq0"),
    ("azure_storage_key", r"(?<=AccountKey=)[A-Za-z0-9+/]{80,90}={0,2}", "accountkey="),
)  # fmt: skip


def _prefixed(match: re.Match[str]) -> Span | None:
    return None if is_placeholder(match["value"]) else match.span("value")


def _openai(match: re.Match[str]) -> Span | None:
    """``sk-`` also starts names of styles and packages, so the rest must look random or be one long run."""
    value = match["value"]
    run = re.fullmatch(r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9]{32,255}", value) is not None
    return match.span("value") if (run or looks_random(value)) and not is_placeholder(value) else None


def _connection(match: re.Match[str]) -> Span | None:
    value = match["value"]
    return None if is_placeholder(value) or value.lower() == match["user"].lower() else match.span()


CREDENTIALS = (
    *(
        Detector(
            type=name,
            risk="secrets",
            pattern=re.compile(rf"(?<![A-Za-z0-9])(?P<value>{pattern})", re.ASCII),
            triggers=tuple(triggers.split()),
            accept=_prefixed,
        )
        for name, pattern, triggers in _PREFIXED
    ),
    Detector(
        type="openai_key",
        risk="secrets",
        pattern=re.compile(r"(?<![A-Za-z0-9-])(?P<value>sk-[\w-]{20,255})", re.ASCII),
        triggers=("sk-",),
        accept=_openai,
    ),
    Detector(
        type="jwt",
        risk="secrets",
        pattern=re.compile(r"(?<![\w-])eyJ[\w-]{10,2048}\.[\w-]{10,16384}\.[\w-]{10,2048}", re.ASCII),
        triggers=("eyj",),
    ),
    Detector(
        type="private_key",
        risk="secrets",
        pattern=re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,300}?[A-Za-z0-9+/]{24}", re.ASCII
        ),
        triggers=("private key",),
    ),
    Detector(
        type="connection_string",
        risk="secrets",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,31}://(?P<user>[^\s:/@'\"<>]{0,128}):"
            r"(?P<value>[^\s/@'\"<>]{1,256})@[^\s'\"<>/]{1,255}"
        ),
        triggers=("://",),
        accept=_connection,
    ),
)
