"""Credentials of 45 kinds, all random.

Prefixes are put together at run time, so that no scanner takes this file for a leak.

What ends in a checksum (tokens of GitHub and npm) carries the right one.
"""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable

from training.redteam.kinds import ALNUM, HEX, URLSAFE, Kind, Shape, digits, pick

_UPPER32 = string.ascii_uppercase + "234567"
_BASE64 = ALNUM + "+/"
# fmt: off
_WORDS = (
    "harbour", "copper", "Velvet", "anchor", "Lantern", "ember", "Thistle", "quartz", "Meadow", "falcon", "Sierra",
    "bramble", "orbit", "Walnut",
)
# fmt: on


def _base62(number: int, width: int) -> str:
    signs = string.digits + string.ascii_uppercase + string.ascii_lowercase
    made = ""
    while number:
        number, rest = divmod(number, 62)
        made = signs[rest] + made
    return made.rjust(width, "0")


def with_crc(prefix: str, rng: random.Random) -> str:
    """30 random signs and the CRC-32 of them in base 62, as GitHub and npm write tokens."""
    body = pick(rng, ALNUM, 30)
    return f"{prefix}_{body}{_base62(zlib.crc32(body.encode()), 6)}"


def password(rng: random.Random) -> str:
    """A password as people or password managers make them."""
    signs = "!#*?-_+="
    word = rng.choice(_WORDS)
    return rng.choice(
        (
            f"{word.capitalize()}{rng.randint(10, 2029)}{rng.choice('!#*?')}",
            f"{word}{rng.choice('-_')}{rng.choice(_WORDS)}{rng.randint(2, 99)}",
            f"{word[:3].upper()}{rng.choice('!#*')}{pick(rng, ALNUM, 5)}{rng.randint(10, 99)}",
            pick(rng, ALNUM, 7) + rng.choice(signs) + pick(rng, ALNUM, 8) + digits(rng, 1),
        )
    )


def jwt(rng: random.Random) -> str:
    """A signed token with a header, claims and a signature of random bytes."""
    header = {"alg": rng.choice(("HS256", "RS256")), "typ": "JWT"}
    claims = {"sub": digits(rng, 8), "iat": rng.randint(1_690_000_000, 1_780_000_000), "scope": "api:read"}
    parts = [_url64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    return ".".join((*parts, _url64(rng.randbytes(32))))


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def pem(rng: random.Random, name: str, start: str, lines: int) -> str:
    """A private key block with random content."""
    body = start + pick(rng, _BASE64, 64 * lines - len(start) - 9) + "="
    rows = [body[at : at + 64] for at in range(0, len(body), 64)]
    if name.startswith("PGP"):
        rows = ["", *rows, "=" + pick(rng, _BASE64, 4)]
    return "\n".join((f"-----BEGIN {name}-----", *rows, f"-----END {name}-----"))


def service_account(rng: random.Random) -> str:
    """A service-account file of Google Cloud."""
    project = f"{rng.choice(_WORDS).lower()}-{rng.choice(_WORDS).lower()}-{digits(rng, 5)}"
    made = {
        "type": "service_" + "account",
        "project_id": project,
        "private_key_id": pick(rng, HEX, 40),
        "private_key": pem(rng, "PRIVATE " + "KEY", "MIIEvQIBADANBgkqhkiG9w0B", 14) + "\n",
        "client_email": f"deploy@{project}.iam.gserviceaccount.com",
        "client_id": digits(rng, 21),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps(made, indent=2)


def _url(scheme: str, port: int) -> Callable[[random.Random], str]:
    def make(rng: random.Random) -> str:
        user = rng.choice(("app", "svc_orders", "admin", "reporting", "billing_rw"))
        host = rng.choice(
            ("db-prod-3.internal", "10.20.4.17", "pg.eu-west.halden.cloud", "cache01.corp.lan", "localhost")
        )
        secret = pick(rng, ALNUM, rng.randint(9, 20))
        where = rng.choice((f":{port}", "")) + rng.choice(("/orders", "/prod", "/0", "/main?ssl=true"))
        return f"{scheme}://{user}:{secret}@{host}{where}"

    return make


def _azure(rng: random.Random) -> str:
    key = base64.b64encode(rng.randbytes(64)).decode()
    name = f"{rng.choice(_WORDS).lower()}{digits(rng, 3)}"
    return f"DefaultEndpointsProtocol=https;AccountName={name};Account" + f"Key={key};EndpointSuffix=core.windows.net"


def _openai(rng: random.Random) -> str:
    return "sk-" + f"proj-{pick(rng, URLSAFE, 74)}T3" + f"BlbkFJ{pick(rng, URLSAFE, 74)}"


def _slack(rng: random.Random) -> str:
    kind = rng.choice(("b", "p"))
    middle = digits(rng, 12) if kind == "b" else f"{digits(rng, 12)}-{digits(rng, 12)}"
    return f"xox{kind}-{digits(rng, 12)}-{middle}-{pick(rng, ALNUM, 24)}"


def _basic(rng: random.Random) -> str:
    pair = f"{rng.choice(('deploy', 'api-user', 'jenkins', 'reporting'))}:{password(rng)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _discord(rng: random.Random) -> str:
    return f"{_url64(('1' + digits(rng, 17)).encode())}.G{pick(rng, ALNUM, 5)}.{pick(rng, URLSAFE, 38)}"


def _generic(rng: random.Random) -> str:
    return rng.choice((pick(rng, HEX, 32), pick(rng, ALNUM, 40), pick(rng, URLSAFE, 43), pick(rng, HEX, 64)))


_BLOCKS = {
    "pem_rsa": lambda rng: pem(rng, "RSA PRIVATE " + "KEY", "MIIEpAIBAAKCAQEA", 14),
    "pem_ec": lambda rng: pem(rng, "EC PRIVATE " + "KEY", "MHcCAQEEI", 3),
    "pem_openssh": lambda rng: pem(rng, "OPENSSH PRIVATE " + "KEY", "b3BlbnNzaC1rZXktdjEAAAAA", 5),
    "pem_pgp": lambda rng: pem(rng, "PGP PRIVATE " + "KEY BLOCK", "lQdGBG", 9),
    "gcp_service_account": service_account,
}
_URLS = {
    "postgres_url": _url("postgresql", 5432),
    "mysql_url": _url("mysql", 3306),
    "mongodb_url": _url("mongodb+srv", 27017),
    "redis_url": _url("redis", 6379),
    "amqp_url": _url("amqp", 5672),
}
_TOKENS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "aws_access_key": ("AWS access key ID", lambda rng: "AK" + "IA" + pick(rng, _UPPER32, 16)),
    "aws_secret_key": ("AWS secret access key", lambda rng: pick(rng, _BASE64, 40)),
    "github_classic": ("GitHub token", lambda rng: with_crc("gh" + rng.choice("pos"), rng)),
    "github_fine_grained": (
        "GitHub token",
        lambda rng: "github" + f"_pat_{pick(rng, ALNUM, 22)}_{pick(rng, ALNUM, 59)}",
    ),
    "gitlab": ("GitLab token", lambda rng: "gl" + "pat-" + pick(rng, URLSAFE, 20)),
    "openai": ("OpenAI API key", _openai),
    "anthropic": ("Anthropic API key", lambda rng: "sk-" + f"ant-api03-{pick(rng, URLSAFE, 93)}AA"),
    "google_api_key": ("Google API key", lambda rng: "AI" + "za" + pick(rng, URLSAFE, 35)),
    "azure_storage": ("Azure storage connection string", _azure),
    "azure_client_secret": (
        "Azure client secret",
        lambda rng: f"{pick(rng, ALNUM, 3)}8Q~{pick(rng, URLSAFE + '.~', 34)}",
    ),
    "stripe_live": ("Stripe secret key", lambda rng: "sk_" + "live_" + pick(rng, ALNUM, rng.choice((24, 99)))),
    "stripe_restricted": ("Stripe restricted key", lambda rng: "rk_" + "live_" + pick(rng, ALNUM, 24)),
    "stripe_webhook": ("Stripe webhook secret", lambda rng: "wh" + "sec_" + pick(rng, ALNUM, 32)),
    "slack_token": ("Slack token", _slack),
    "slack_webhook": (
        "Slack webhook",
        lambda rng: (
            "https://hooks.slack" + f".com/services/T{pick(rng, _UPPER32, 8)}/B{pick(rng, _UPPER32, 10)}/"
            f"{pick(rng, ALNUM, 24)}"
        ),
    ),
    "discord_bot": ("Discord bot token", _discord),
    "discord_webhook": (
        "Discord webhook",
        lambda rng: "https://discord.com/api/web" + f"hooks/1{digits(rng, 18)}/{pick(rng, URLSAFE, 68)}",
    ),
    "twilio_api_key": ("Twilio API key", lambda rng: "S" + "K" + pick(rng, HEX, 32)),
    "twilio_auth_token": ("Twilio auth token", lambda rng: pick(rng, HEX, 32)),
    "sendgrid": ("SendGrid API key", lambda rng: "S" + f"G.{pick(rng, URLSAFE, 22)}.{pick(rng, URLSAFE, 43)}"),
    "huggingface": ("Hugging Face token", lambda rng: "h" + "f_" + pick(rng, string.ascii_letters, 34)),
    "npm": ("npm token", lambda rng: with_crc("n" + "pm", rng)),
    "pypi": ("PyPI token", lambda rng: "py" + "pi-AgEIcHlwaS5vcmcC" + pick(rng, URLSAFE, 150)),
    "jwt": ("access token", jwt),
    "telegram_bot": ("Telegram bot token", lambda rng: f"{rng.randint(10**9, 8 * 10**9)}:AA{pick(rng, URLSAFE, 33)}"),
    "shopify": ("Shopify access token", lambda rng: "shp" + "at_" + pick(rng, HEX, 32)),
    "databricks": ("Databricks token", lambda rng: "da" + "pi" + pick(rng, HEX, 32)),
    "digitalocean": ("DigitalOcean token", lambda rng: "dop_" + "v1_" + pick(rng, HEX, 64)),
    "vault": ("Vault token", lambda rng: "hv" + "s.CAES" + pick(rng, URLSAFE, 86)),
    "datadog": ("Datadog API key", lambda rng: pick(rng, HEX, 32)),
    "generic_api_key": ("API key", _generic),
}
_PASSWORD = {
    "en": ("password", "pw", "login password", "passphrase"),
    "de": ("Passwort", "Kennwort"),
    "fr": ("mot de passe", "mdp"),
    "es": ("contraseña", "clave"),
    "it": ("password", "parola d'ordine"),
    "pt": ("senha", "palavra-passe"),
    "nl": ("wachtwoord",),
    "pl": ("hasło",),
    "tr": ("şifre", "parola"),
}


def _secret(name: str, family: str, shape: Shape, make: Callable[[random.Random], str], label: str) -> Kind:
    return Kind(name, "secrets", family, shape, make, {"en": (label,)})


KINDS = (
    *(_secret(name, "token", "token", make, label) for name, (label, make) in _TOKENS.items()),
    *(_secret(name, "block", "block", make, "private key") for name, make in _BLOCKS.items()),
    *(_secret(name, "url", "url", make, "database URL") for name, make in _URLS.items()),
    _secret("basic_header", "header", "token", _basic, "authorization header"),
    _secret("bearer_header", "header", "token", lambda rng: f"Bearer {pick(rng, URLSAFE, 40)}", "authorization header"),
    Kind("password", "secrets", "password", "password", password, _PASSWORD),
)
