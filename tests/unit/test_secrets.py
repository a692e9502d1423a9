"""Which names are secrets, which only look like it, and what a program that holds a key keeps."""

from __future__ import annotations

import pytest

from lowtide import wire
from lowtide.models import Reason
from lowtide.system.tree.secrets import secret_rule
from lowtide.work import keys
from lowtide.work.documents import read
from lowtide.work.sniff import Skip, SniffSettings, Text, sniff

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\n"
PROGRAM = f'''def before():
    """Found by its words: lighthouse."""
    return "{"lantern " * 30}"


SAMPLE = """-----BEGIN PRIVATE KEY-----
{BODY * 4}-----END PRIVATE KEY-----
"""


def after():
    """Found by its words: harbour."""
    return "{"anchor " * 30}"
'''

SECRETS = """
.env .ENV .envrc .env.local .env.production .env-local .env_prod .env~ .env.bak prod.env env.prod .env.example.local
.envrc.local .env.d/prod
.npmrc .pypirc .netrc netrc .pgpass .pgpass.bak pgpass.conf .my.cnf .mylogin.cnf .htpasswd .git-credentials .dockercfg
.docker/config.json .aws/credentials .aws/config aws/credentials.csv .azure/accessTokens.json .kube/config kubeconfig
kubeconfig.yaml kubeconfig-prod.yaml kube_config.yaml prod.kubeconfig my-kubeconfig.yml .oci/config .snowsql/config
.config/gh/hosts.yml .m2/settings.xml
.ssh/config .ssh/my_key .ssh/id_rsa_old a/b/.ssh/anything id_ed25519 id_rsa.bak id_rsa.txt deploy.pem deploy.pem.old
deploy.key.txt
terraform.tfstate terraform.tfstate.backup prod.tfstate.json terraform.tfvars secrets.auto.tfvars.json .terraformrc
credentials credentials.json app-credentials.yaml client_secret_123.json gcp-service-account.json
firebase-adminsdk-x1.json
application_default_credentials.json secrets.yml config/secrets.yaml secrets.json vault.yml .vault-token
vault_pass.txt .vault-pass.txt
.bash_history .zsh_history .psql_history .mysql_history .node_repl_history .python_history
private.key server.p8 AuthKey_ABC123.p8 config/master.key my-client.key.bak
dump.sql prod-dump.sql backup.sql site.mysqldump wp-config.php local.settings.json token.txt .token
""".split()

SOURCE = """
.env.example .env.sample env.py env.d.ts environment.ts .envx id_rsa.pub .ssh/id_rsa.pub .ssh/known_hosts keys.py pem.py
secrets.py secret_manager.go credentials.rs token.c dump.c dump.py sql/schema.sql migrations/0001_dump.py kubeconfig.go
service_account.py client_secret_test.js history.py vault.go password_reset.html charts/app/templates/secrets.yaml
templates/secret.yaml docs/topics/passwords.txt docs/token.txt config.json config/config.json .docker/Dockerfile
.aws/task-definition.json .vscode/settings.json gradle.properties nuget.config .yarnrc.yml auth.json terraform.tf
deck.key game.p8 translation.key
wp-config-sample.php main.tfvars.example settings.xml pip.conf.py .gitconfig serviceaccount.yaml backup.sh aws/config.ts
""".split()


@pytest.mark.parametrize("path", SECRETS)
def test_files_that_programs_keep_credentials_in_are_secrets(path: str) -> None:
    assert secret_rule(path.encode())


@pytest.mark.parametrize("path", SOURCE)
def test_what_is_only_about_secrets_is_source(path: str) -> None:
    assert not secret_rule(path.encode())


def test_a_program_that_holds_a_key_loses_that_part_alone() -> None:
    found = sniff(b"tests/test_tls.py", PROGRAM.encode(), SniffSettings())
    assert isinstance(found, Text)
    assert len(found.utf8) == len(PROGRAM)
    assert found.utf8.count(b"\n") == PROGRAM.count("\n")
    assert b"MIIEvQ" not in found.utf8
    assert b"lighthouse" in found.utf8
    assert b"harbour" in found.utf8
    assert not keys.key_spans(found.utf8)


@pytest.mark.parametrize("path", [b"values.yaml", b"account.json", b"notes.md", b"notes.txt", b"README"])
def test_data_that_holds_a_key_is_left_out_whole(path: bytes) -> None:
    found = sniff(path, PROGRAM.encode(), SniffSettings())
    assert isinstance(found, Skip)
    assert found.reason is Reason.SECRET


@pytest.mark.parametrize(("path", "kept"), [(b"tests/test_tls.py", True), (b"values.yaml", False)])
def test_an_open_text_gives_no_more_than_its_file_would(path: bytes, kept: bool) -> None:
    task = wire.DocumentTask("key", path, "", PROGRAM.encode(), 10.0, True, False)
    outline = read(task).outline
    assert outline is not None
    texts = [PROGRAM.encode()[row[0] : row[1]] for row in outline.chunks]
    assert any(b"lighthouse" in text for text in texts) is kept
    assert any(b"harbour" in text for text in texts) is kept
    assert not any(b"MIIEvQ" in text for text in texts)


def test_a_sample_key_does_not_take_a_whole_test_file() -> None:
    tests = 'def test_reads():\n    """Found by its words: lighthouse."""\n' + "    assert read(SAMPLE)\n" * 8
    program = f'SAMPLE = """-----BEGIN RSA PRIVATE KEY-----\n{BODY * 16}-----END RSA PRIVATE KEY-----\n"""\n\n\n{tests}'
    found = sniff(b"tests/test_read.py", program.encode(), SniffSettings())
    assert isinstance(found, Text)
    assert b"lighthouse" in found.utf8
    assert b"MIIEvQ" not in found.utf8


def test_keys_that_never_end_cost_no_more_than_their_bound() -> None:
    text = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"A" * 3_000_000
    ((start, end),) = keys.key_spans(text)
    assert start == 0
    assert end <= keys.MOST_KEY_BYTES + 200
