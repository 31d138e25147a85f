"""Secrets with looks of their own: at least twenty kinds are found wherever they stand, placeholders are not."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]
Made = Callable[..., str]
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits

# type -> prefix, number of characters, alphabet
KEYS: dict[str, tuple[str, int, str]] = {
    "aws_access_key": ("AK" + "IA", 16, UPPER),
    "github_token": ("gh" + "p_", 36, ""),
    "gitlab_token": ("glp" + "at-", 20, ""),
    "anthropic_key": ("sk-" + "ant-api03-", 80, ""),
    "openai_key": ("sk-" + "proj-", 48, ""),
    "stripe_key": ("sk_" + "live_", 24, ""),
    "slack_token": ("xo" + "xb-1234567890-", 24, ""),
    "slack_webhook": ("hooks.slack" + ".com/services/T0123/B0123/", 24, ""),
    "google_api_key": ("AI" + "za", 35, ""),
    "google_oauth": ("GOC" + "SPX-", 28, ""),
    "huggingface_token": ("h" + "f_", 34, ""),
    "npm_token": ("np" + "m_", 36, ""),
    "pypi_token": ("py" + "pi-AgEIcHlwaS5vcmc", 60, ""),
    "twilio_key": ("S" + "K", 32, HEX),
    "digitalocean_token": ("do" + "p_v1_", 64, HEX),
    "telegram_token": ("123456789:" + "AA", 33, ""),
    "shopify_token": ("shp" + "at_", 32, HEX),
    "groq_key": ("gs" + "k_", 52, ""),
    "xai_key": ("xa" + "i-", 80, ""),
    "replicate_token": ("r" + "8_", 37, ""),
    "databricks_token": ("da" + "pi", 32, HEX),
    "vault_token": ("hv" + "s.", 24, ""),
    "linear_key": ("lin_" + "api_", 40, ""),
    "mailgun_key": ("ke" + "y-", 32, HEX),
    "newrelic_key": ("NR" + "AK-", 27, UPPER),
}


@pytest.mark.parametrize("kind", KEYS)
def test_each_kind_of_key_is_found_wherever_it_is_pasted(kind: str, types_in: Types, made: Made) -> None:
    """A live credential in a prompt must not reach a vendor."""
    prefix, count, alphabet = KEYS[kind]
    for _ in range(20):
        value = prefix + (made(count, alphabet) if alphabet else made(count))
        for text in (value, f"KEY={value}", f'"{value}"', f"is {value} still valid?", f"https://x.io/?k={value}"):
            assert types_in(text)[:1] == [kind], text


def test_tokens_keys_and_connection_strings_are_found(types_in: Types, made: Made, rng: random.Random) -> None:
    """Kinds that have a structure instead of a prefix."""
    jwt = ".".join(("eyJ" + made(20), "eyJ" + made(60), made(43)))
    lines = "\n".join(made(64) for _ in range(3))
    pem = f"-----BEGIN RSA PRIVATE{' '}KEY-----\n{lines}\n-----END RSA PRIVATE{' '}KEY-----"
    encrypted = pem.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n", 1)
    assert types_in(f"curl -H 'Authorization: Bearer {jwt}'") == ["jwt"]
    assert types_in(pem) == ["private_key"]
    assert types_in(encrypted) == ["private_key"]
    for scheme, user in (("postgres", "svc"), ("mongodb+srv", "app"), ("redis", ""), ("https", "ci"), ("amqp", "mq")):
        assert types_in(f"url {scheme}://{user}:{made(12)}9{'@'}db-1.corp-internal.net:5432/prod") == [
            "connection_string"
        ]
    key = base64.b64encode(rng.randbytes(64)).decode()
    assert types_in(f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={key}") == ["azure_storage_key"]


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "x" * 40,
        "sk-" + "your-api-key-goes-here-0000",
        "AK" + "IA" + "IOSFODNN7EXAMPLE",
        "gh" + "p_" + "*" * 36,
        "what does -----BEGIN RSA PRIVATE KEY----- mean?",
        "a JWT starts with eyJ and has two dots",
        "postgres://user:password@localhost:5432/db",
        "postgres://postgres:postgres@db:5432/app",
        "postgresql://${USER}:${PASS}@host/db",
        "postgres://svc:<password>@host/db",
        "mongodb://host:27017/db",
        ".sk-fading-circle .sk-circle-fade-dot-large { }",
        "pip install scikit-learn sk-learn-compatible-estimators",
        "550e8400-e29b-41d4-a716-446655440000",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    ],
)
def test_placeholders_and_look_alikes_are_not_secrets(text: str, types_in: Types) -> None:
    """Documentation is full of them; none opens anything."""
    assert types_in(text) == []
