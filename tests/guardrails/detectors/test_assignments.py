"""Secrets known by their name: the weaker the tie between name and value, the stronger the value has to look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.guardrails.detectors.placeholders import is_counting, looks_random

Types = Callable[[str], list[str]]
Made = Callable[..., str]

WEAK = "hunter" + "2x"
STRONG = "Wqy" + "a27i" + "$8866"


@pytest.mark.parametrize(
    "text",
    [
        f"password: {WEAK}",
        f"PASSWORD={WEAK}",
        f"DB_PASSWORD={WEAK}",
        f"my password is {WEAK}",
        f"mein Passwort ist {WEAK}",
        f"la contraseña es {WEAK}",
        f"pw={WEAK}",
        f'{{"password": "{WEAK}"}}',
        f"$pw = '{STRONG}';",
        f'secureJsonData:\n  password: "{STRONG}"',
        'password = "' + "correct" + 'horsebattery"',
        f"Server=db;User Id=sa;Password={WEAK};",
        f"wifi is Moorhen, pass {STRONG}, bins on tuesday",
        f"set the password on mail01 to {STRONG}",
        f"new wifi pw for the shop should be {STRONG} pls",
        f"login is jenkins / {STRONG}",
        f"user lotti with {STRONG} still works",
        f"curl -u admin:{WEAK} https://x.io",
        f"mot de passe : {WEAK}",
        f"mdp: {WEAK}",
        f"la clave es {WEAK}",
        f"a senha é {WEAK}",
        f"het wachtwoord is {WEAK}",
        f"hasło: {WEAK}",
        f"lösenord: {WEAK}",
        f"пароль: {WEAK}",
        f"şifre: {WEAK}",
        f"密码是{WEAK}",
        f"パスワードは{WEAK}",
        f"비밀번호는 {WEAK}",
        f"كلمة المرور: {WEAK}",
        f"the password for the guest wifi is {WEAK}",
        f"is {STRONG} ok for the domain admin or too short",
        f"ssh to build-3 as root with {STRONG} and empty the cache",
    ],
)
def test_a_password_is_found_however_it_is_told(text: str, types_in: Types) -> None:
    """People tell passwords in configuration, in prose and in passing."""
    assert types_in(text) == ["password"]


@pytest.mark.parametrize(
    "form",
    [
        "api_key={}",
        "API-KEY: {}",
        "x-api-key: {}",
        "Authorization: Bearer {}",
        '"client_secret": "{}"',
        "the server key is {}",
        "the leaked key {} is still used",
        "set the webhook secret in the pipeline to {}",
        'TOKEN = "{}"',
        "KELP_SIGNING={}",
        'curl -H "X-Auth: {}"',
    ],
)
def test_a_key_is_found_by_its_name(form: str, types_in: Types, made: Made) -> None:
    """In-house keys have no vendor prefix."""
    for value in (made(32, "0123456789abcdef"), made(40)):
        assert types_in(form.format(value)) == ["api_key"]


def test_an_aws_secret_is_found_by_its_name(types_in: Types, made: Made) -> None:
    """Forty characters of base64 have no prefix either."""
    value = made(38) + "/+"
    for text in (f"AWS_SECRET_ACCESS_KEY={value}", f'aws_secret_access_key = "{value}"', f"secret access key: {value}"):
        assert types_in(text) == ["aws_secret_key"]


@pytest.mark.parametrize(
    "text",
    [
        "password: <your-password>",
        "password=${DB_PASSWORD}",
        "password = $DB_PASSWORD",
        "password = os.environ['DB_PASSWORD']",
        "password=settings.DB_PASSWORD2",
        "password = hash_password(raw1)",
        "password: ********",
        "password: changeme1",
        "password is required",
        "Password must be 8-20 characters",
        "'password' => 'required|min:8'",
        "password: string",
        "the password field is empty",
        "I forgot my password, how do I reset it?",
        "data pass 14.99/24h",
        "api_key = os.getenv('API_KEY_2')",
        "api_key=YOUR_API_KEY_1234567890",
        "token: {{ secrets.TOKEN }}",
        'headers = {"Authorization": f"Bearer {token1}"}',
        "const cacheKey = user_12345_profile_v2",
        "primary key id_1234567890123456",
        "keyboard shortcut ctrl-alt-delete-1234567890",
        "the key to success is 1234567890123456",
        "tokenizer: bert-base-uncased-whole-word",
        "token 550e8400-e29b-41d4-a716-446655440000",
        "the user renamed Chapter_Twelve to Chapter_Twelve_Final",
        "docker run -u 1000:1000 image",
        "the password policy for the app is OWASP10",
        "the password for admins is 12-character minimum",
        "the pass for adults is 20 euro",
        "token for the app is SHA-256 hashed",
        "la clave del éxito es trabajar",
        "clave: value",
        "das Passwort ist falsch",
        "密码是什么",
        "C#9.0 & F#4.7 for user code",
        "the login page shows AT&T2024 ads",
    ],
)
def test_talk_about_secrets_is_not_a_secret(text: str, types_in: Types) -> None:
    """References, rules, questions and names of variables hold nothing that opens anything."""
    assert types_in(text) == []


def test_random_runs_are_told_from_words(made: Made) -> None:
    """The test that keeps identifiers out must let keys through."""
    assert all(looks_random(made(32)) for _ in range(500))
    assert all(looks_random(made(32, "0123456789abcdef")) for _ in range(500))
    for word in ("renderTemplateVersion2", "cache_user_12345_v2", "internationalization", "2024-11-29T18:00:00Z"):
        assert not looks_random(word)


def test_counting_digits_are_examples() -> None:
    """1234567890 is nobody's number."""
    assert all(map(is_counting, ("1234567890", "9876543210", "0000000", "55555")))
    assert not any(map(is_counting, ("4158675309", "1122334455", "13579")))
