"""What is taken for a credential, what is not, and that looking is never slow."""

from __future__ import annotations

import time

import pytest

from preaudit.collect.commandline import doubtful, is_script, value_of
from preaudit.collect.credentials import (
    argument_hits,
    credential_in_query,
    credential_name,
    entropy_class,
    hits_for,
    length_class,
    mere_reference,
    opaque,
    without_userinfo,
)


@pytest.mark.parametrize(
    "name",
    ["PASSWORD", "dbPassword", "DB_PASS", "api-key", "apiKey", "AWS_SECRET_ACCESS_KEY", "accessToken", "client_secret",
     "private_key", "CONNECTION_STRING", "PGPASSWORD", "requirepass", "masterauth", "PGPASS", "storepass", "dbpwd", "SENTRY_DSN", "basic.auth", "credentials", ".dockerconfigjson"],
)  # fmt: skip
def test_names_of_credentials(name):
    assert credential_name(name)


@pytest.mark.parametrize(
    "name",
    ["PASSWORD_FILE", "TOKEN_URL", "secretName", "tokenTTL", "KEY", "KEYBOARD", "AUTHOR", "HOST", "COMPASS", "passive",
     "SECRET_NAMESPACE", "token-path", "monkey", "bypass"],
)  # fmt: skip
def test_names_of_other_things(name):
    assert not credential_name(name)


@pytest.mark.parametrize(
    "value", ["", "true", "8080", "/run/secrets/db", "$(DB)", "${DB}", "30s", "https://x.example/y", "{{ .Values.x }}",
              "vault:secret/data/db#password", "arn:aws:secretsmanager:eu-west-1:1:secret:x"],
)  # fmt: skip
def test_references_are_no_credentials(value):
    assert mere_reference(value)
    assert "credential-name" not in hits_for("PASSWORD", value)


@pytest.mark.parametrize("value", ["hunter22", "changeme", "p", "12345678", "https://u:pass@x/", "s3cr3t/with/slash"])
def test_literal_credentials_are_hits(value):
    assert hits_for("PASSWORD", value)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("URL", "postgres://app:hunter22@db/x", "url-userinfo"),
        ("DB", "app:hunter22@tcp(db:3306)/x", "dsn"),
        ("DB", "host=db user=app password=hunter22", "dsn"),
        ("DB", "Server=db;User Id=app;Password=hunter22;", "dsn"),
        ("app.yaml", "db:\n  user: app\n  password: hunter22\n", "credential-in-text"),
        ("app.properties", "db.user=app\ndb.password=hunter22\n", "credential-in-text"),
        ("app.json", '{"user":"app","clientSecret":"hunter22"}', "credential-in-text"),
        ("H", "Basic YWRtaW46aHVudGVyMjI=", "basic-auth"),
        ("K", "AGE-SECRET-KEY-1" + "Q7WZ2RTYK2LM9XC4", "private-key"),
        ("K", "ya29." + "a0" * 20, "gcp-key"),
        ("K", "abc1" + "Q~" + "x" * 34, "azure-key"),
        ("K", "glrt-" + "q7w0rt5yk2m9xc4b8np1", "gitlab-token"),
        ("K", "xapp-1-" + "A0" * 10, "slack-token"),
        ("K", "sk_test_" + "a0" * 12, "stripe-key"),
        ("K", "pypi-AgE" + "a0" * 20, "pypi-token"),
        ("K", "hvs." + "a0" * 20, "service-token"),
        ("K", "dckr_pat_" + "a0" * 14, "service-token"),
        ("K", "LS0tLS1CRUdJTi" + "BSU0EgUFJJVkFURSBLRVktLS0tLQ", "encoded-credential"),
        ("K", "eyJhdXRocyI6" + "eyJyIjp7fX19", "encoded-credential"),
        ("KEY", "-----BEGIN EC PRIVATE KEY-----\nabc", "private-key"),
        ("S", "DefaultEndpointsProtocol=https;AccountKey=" + "a" * 40, "azure-key"),
    ],
)
def test_values_with_credentials_in_them(name, value, rule):
    assert rule in hits_for(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "https://example.com/a@b"),
        ("app.yaml", "password: ${DB_PASSWORD}\ntokenPath: /run/token\n"),
        ("MAIL", "team@example.com"),
        ("app.properties", "db.password.file=/run/p\nport=80\n"),
        ("ca.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n"),
        ("KUBECONFIG", "/etc/kubernetes/admin.conf"),
        ("Corefile", ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n}\n"),
    ],
)
def test_ordinary_values(name, value):
    assert hits_for(name, value) == []


HOSTILE = [
    "password" * 100_000, "a" * 10**6, "://" * 300_000, "x@" * 500_000, "https://" + "a" * 10**6, '"password"' * 90_000,
    "=" * 10**6, "password=" * 100_000, "eyJ" * 300_000, "-----BEGIN " * 90_000, "\n" * 10**6, " -u " * 250_000,
    "'" * 10**6, "--token " * 120_000, "a:b" * 300_000, '"' * 10**6, ("a" * 127 + "=") * 8000, "A.eyJ" * 200_000,
    "${" * 500_000, "key: " * 200_000,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_looking_at_a_megabyte_is_not_slow(number):
    text = HOSTILE[number]
    begin = time.process_time()
    hits_for("password", text)
    argument_hits(text)
    mere_reference(text)
    without_userinfo(text)
    entropy_class(text)
    credential_in_query(text)
    opaque(text)
    doubtful(text)
    is_script(["sh"], "-c", text)
    value_of(["mysql"], "-p", text)
    assert time.process_time() - begin < 2.5


def test_userinfo_is_taken_out_of_urls():
    assert without_userinfo("see https://u:p@x/y and ftp://t@z") == "see https://REDACTED@x/y and ftp://REDACTED@z"
    assert without_userinfo("amqp://u:pa/ss@mq/x http://h:8080/a@b") == "amqp://REDACTED@mq/x http://h:8080/a@b"
    assert without_userinfo("amqp://u:p@s@mq/x") == "amqp://REDACTED@mq/x"


def test_classes():
    assert [length_class("x" * n) for n in (0, 1, 8, 40, 10**6)] == ["0", "1-7", "8-15", "32-63", "65536+"]
    assert entropy_class("aaaaaaaaaaaaaaaa") == "low"
    assert entropy_class("kU8#pLq2$vNz9!mXw7Rt") == "high"
