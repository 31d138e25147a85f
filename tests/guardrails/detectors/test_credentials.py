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
    "aws_bedrock_key": ("AB" + "SK", 120, ""),
    "aws_session_token": ("IQo" + "Jb3JpZ2luX2Vj", 300, ""),
    "heroku_key": ("HR" + "KU-", 40, ""),
    "figma_token": ("fi" + "gd_", 40, ""),
    "notion_token": ("nt" + "n_", 46, ""),
    "postman_key": ("PM" + "AK-" + "5f" * 12 + "-", 34, HEX),
    "grafana_token": ("gl" + "c_", 60, ""),
    "sentry_token": ("sn" + "trys_", 80, ""),
    "supabase_key": ("sb" + "p_", 40, HEX),
    "planetscale_token": ("psc" + "ale_tkn_", 43, ""),
    "doppler_token": ("dp" + ".pt.", 43, ""),
    "fly_token": ("fo" + "1_", 43, ""),
    "netlify_token": ("nf" + "p_", 40, ""),
    "vercel_token": ("vc" + "p_", 30, ""),
    "perplexity_key": ("pp" + "lx-", 48, ""),
    "nvidia_key": ("nv" + "api-", 64, ""),
    "langsmith_key": ("ls" + "v2_pt_" + "3d" * 16 + "_", 10, HEX),
    "pinecone_key": ("pc" + "sk_", 60, ""),
    "tavily_key": ("tv" + "ly-", 32, ""),
    "docker_token": ("dc" + "kr_pat_", 27, ""),
    "terraform_token": ("a1B2c3D4e5F6g7" + ".atl" + "asv1.", 66, ""),
    "pulumi_token": ("pu" + "l-", 40, HEX),
    "tailscale_key": ("ts" + "key-auth-", 30, ""),
    "brevo_key": ("xke" + "ysib-" + "4c" * 32 + "-", 16, ""),
    "hubspot_token": ("pa" + "t-na1-12345678-9abc-4def-8abc-", 12, HEX),
    "contentful_token": ("CF" + "PAT-", 43, ""),
    "sonar_token": ("sq" + "u_", 40, HEX),
    "rubygems_key": ("ruby" + "gems_", 48, HEX),
    "discord_token": ("MTA4" + "NzY1NDMyMTA5ODc2NTQz" + ".Gh" + "7kLp.", 38, ""),
    "azure_client_secret": ("ab1" + "8Q~", 34, ""),
    "airtable_token": ("pa" + "tAbCdEfGhIj1234" + ".", 64, HEX),
    "teams_webhook": (
        "webhook.off" + "ice.com/webhookb2/" + "1f" * 18 + "/IncomingWebhook/" + "2b" * 16 + "/",
        36,
        HEX,
    ),
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
    for text, kind in (
        (f"openrouter {'sk-' + 'or-v1-'}{made(64, HEX)}", "openai_key"),
        (f"Authorization: Basic {base64.b64encode(b'bob:' + b'hunter2x').decode()}", "basic_auth"),
        (f"my datadog api key is {made(32, HEX)}", "vendor_key"),
        (f"Cohere token: {made(40)}", "vendor_key"),
        (f"MISTRAL_API_KEY={made(32)}", "vendor_key"),
        (f'{{"kty":"RSA","d":"{made(86)}"}}', "private_key"),
        (f"Private-Lines: 14\n{made(64)}", "private_key"),
        (f"https://x.blob.core.windows.net/c?sv=2022-11-02&sig={made(43)}%3D", "azure_sas"),
    ):
        assert types_in(text)[:1] == [kind], kind
    for scheme in ("redis", "rediss", "amqp"):
        assert types_in(f"{scheme}://:{made(12)}9{'@'}cache.corp-internal.net:6379") == ["connection_string"]
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
        "Vercel deploy of commit 9fceb02d0ae598e95dc970b74767f19372d61af8 needs a token",
        "integrity: sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
        "secret: sha256:9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7",
        "Authorization: Basic <base64>",
        "basic knowledge of dXNlcg== encoding",
        "a basic introduction to cryptography",
        "the datadog agent key metric is cpu_user_percent_total_by_host",
    ],
)
def test_placeholders_and_look_alikes_are_not_secrets(text: str, types_in: Types) -> None:
    """Documentation is full of them; none opens anything."""
    assert types_in(text) == []
