"""Files that hold secrets by convention: what their name, and the folder around them, tells.

A secret is never read, so that it stands neither in an index nor in an answer. Source code is not taken away: a rule
names files that programs keep credentials in, not words that a program may be about.

Invariant: data and pure functions; names are judged in lower case; each rule can be shown to people.
"""

from __future__ import annotations

import re

_NAMES = frozenset(
    b".netrc _netrc netrc .npmrc .pypirc .pgpass pgpass.conf .my.cnf .mylogin.cnf .htpasswd htpasswd .git-credentials "
    b".dockercfg credentials secring.gpg .s3cfg .boto .vault-token .vault_pass .vault_pass.txt vault_pass.txt "
    b".vault-pass .vault-pass.txt vault-pass.txt .ansible_vault "
    b"application_default_credentials.json .terraformrc terraform.rc credentials.tfrc.json rclone.conf .rclone.conf "
    b".databrickscfg .ftpconfig sftp-config.json .remote-sync.json "
    b"local.settings.json wp-config.php accesstokens.json azureprofile.json settings-security.xml credentials.yml.enc "
    b".token oauth_token api_key.txt apikey.txt .secrets "
    b"deploy_key deploy-key .histfile .zhistory .lesshst .viminfo fish_history consolehost_history.txt "
    b"key4.db logins.json cookies.sqlite wallet.dat".split()
)
_AT_THE_TOP = frozenset(b"pip.conf token.txt secret.txt secrets.txt password.txt passwords.txt".split())
"""Further down they may be a chapter of a manual."""
# A .key or .p8 of any other name is judged by what it holds: see `work/keys.py`.
_EXTENSIONS = frozenset(
    b"pem pk8 p12 pfx pkcs12 kdb kdbx jks jceks bks keystore ppk ovpn gpg tfstate tfvars kubeconfig".split()
)
_SOURCE = frozenset(
    b"c h cc cpp cxx hh hpp hxx inc s py pyi go rs java kt kts scala js jsx mjs cjs ts tsx vue svelte rb cs fs swift "
    b"m mm dart lua pl "
    b"pm r jl hs ex exs erl clj ml zig sh bash zsh fish ps1 css scss less html htm md rst adoc tex cmake dts dtsi "
    b"proto gradle".split()
)
"""Programs are about secrets, they are none; one that holds a key loses that part alone (`work/keys.py`)."""
_SAMPLES = (b".example", b".sample", b".template", b".tmpl", b".dist", b".default", b".defaults", b".schema")
_COPY_WORDS = b"bak old orig save backup copy tmp swp".split()
_COPIES = (
    *(mark + word for mark in (b".", b"_", b"-", b" ") for word in _COPY_WORDS),
    b"~",
    b".txt",
    b".1",
    b".2",
    b".3",
)
"""What a copy of a file has behind its name."""

_FOLDERS: dict[bytes, frozenset[bytes] | None] = {
    b".ssh": None,
    b".gnupg": None,
    b".env.d": None,
    b".aws": frozenset({b"credentials", b"config", b"credentials.csv"}),
    b"aws": frozenset({b"credentials", b"credentials.csv"}),
    b".kube": frozenset({b"config"}),
    b".docker": frozenset({b"config.json"}),
    b".azure": frozenset({b"config", b"clouds.config"}),
    b".oci": frozenset({b"config"}),
    b".snowsql": frozenset({b"config"}),
    b".fly": frozenset({b"config.yml"}),
    b".doctl": frozenset({b"config.yaml"}),
    b"doctl": frozenset({b"config.yaml"}),
    b"gh": frozenset({b"hosts.yml"}),
    b".m2": frozenset({b"settings.xml"}),
    b".composer": frozenset({b"auth.json"}),
    b".cargo": frozenset({b"credentials.toml"}),
    b".pip": frozenset({b"pip.conf"}),
    b"pip": frozenset({b"pip.conf"}),
    b".vscode": frozenset({b"sftp.json"}),
    b"gcloud": frozenset({b"credentials.db", b"access_tokens.db"}),
}
"""Folders in which some names are secrets (None: every name), beside those that are so everywhere."""
_PUBLIC = frozenset({b"known_hosts", b"authorized_keys", b"dockerfile", b"readme", b"readme.md"})

_PATTERNS = re.compile(
    rb"""
      (?P<key>id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:_sk)?(?:[._-](?!pub$).*)?|ssh_host_\w+_key
          |(?:.+[._-])?(?:private|priv|server|client|deploy|tls|ssl|master|ca|host|rsa|dsa|ecdsa|ed25519|signing|jwt
            |wildcard|production|staging|release|secret)(?:[._-].*)?\.(?:key|p8)
          |authkey_.+\.p8)
    | (?P<kube>(?:.+[._-])?kube[_-]?config(?:[._-].+)?(?:\.(?:ya?ml|json|conf))?)
    | (?P<cloud>(?:.+[._-])?(?:service[_-]?account(?:[_-]?key)?|client_secrets?|firebase-adminsdk)(?:[._-].*)?\.json)
    | (?P<credentials>(?:.+[._-])?(?:credentials|accesskeys?|rootkey)\.(?:json|ya?ml|xml|ini|toml|csv|txt|properties))
    | (?P<secrets>secrets?\.(?:json|toml|ini|env|properties)|secrets\.ya?ml)
    | (?P<terraform>.+\.(?:tfstate|tfvars)(?:\..*)?)
    | (?P<vault>vault\.ya?ml)
    | (?P<history>\.[a-z][\w-]*_history)
    | (?P<dump>(?:.+[._-])?(?:dump|backup)\.sql|.+\.(?:mysqldump|pgdump|sql\.dump))
    """,
    re.VERBOSE | re.DOTALL,
)
_WHAT = {
    "key": "a private key's name",
    "kube": "cluster credentials",
    "cloud": "a service's credentials",
    "credentials": "credentials",
    "secrets": "secrets",
    "terraform": "Terraform's state or variables",
    "vault": "a vault",
    "history": "a command history",
    "dump": "a database dump",
}
_TELLING = re.compile(
    rb"id_|_rsa|-rsa|ed25519|ssh_host|\.key$|\.p8$|kube|service|client_secret|firebase|cred|access|rootkey"
    rb"|secret|\.tf|vault|_history|dump|"
    rb"backup\.sql"
)
"""A name without any of these is none of `_PATTERNS`: most files are told so at once."""
_TEMPLATES = frozenset({b"templates", b"template"})
"""A chart's or a generator's `secrets.yaml` is source: what fills it in comes from elsewhere."""


def secret_rule(path: bytes) -> str:
    """Why the file at `path` (relative, `/` between names) is left out as a secret, or nothing."""
    folder, _, name = path.rpartition(b"/")
    name = name.lower()
    parent = folder[folder.rfind(b"/") + 1 :].lower()
    if name[name.rfind(b".") + 1 :] in _SOURCE and _FOLDERS.get(parent, _NAMES) is not None:
        return ""
    if rule := _judge(name, parent):
        return rule
    while name.endswith(_COPIES):
        name = next(name.removesuffix(copy) for copy in _COPIES if name.endswith(copy))
        if rule := _judge(name, parent):
            return f"{rule}, or a copy of one"
    return ""


def _judge(name: bytes, parent: bytes) -> str:
    if name in _NAMES or (not parent and name in _AT_THE_TOP):
        return f"{_shown(name)} (secrets)"
    if parent in _FOLDERS and name not in _PUBLIC and not name.endswith(b".pub"):
        names = _FOLDERS[parent]
        if names is None or name in names:
            return f"{_shown(parent)}/{_shown(name) if names else ''} (secrets)"
    extension = name[name.rfind(b".") + 1 :]
    if extension in _EXTENSIONS and extension != name:
        return f"*.{_shown(extension)} (secrets)"
    if b"env" in name and _is_environment(name):
        return ".env (secrets)"
    if _TELLING.search(name) and (found := _PATTERNS.fullmatch(name)) and not name.endswith(_SAMPLES):
        kind = found.lastgroup or ""
        if kind == "secrets" and parent in _TEMPLATES:
            return ""
        return f"{_shown(name)} ({_WHAT[kind]})"
    return ""


_ENVIRONMENT = re.compile(
    rb"\.env(?:rc)?|\.env(?:rc)?[._-].+|.+\.env|env\.(?:prod|production|staging|local|live|secrets?)"
)


def _is_environment(name: bytes) -> bool:
    """`.env`, `.env.local`, `.envrc`, `production.env`, `env.prod`; not `.env.example`."""
    return not name.endswith(_SAMPLES) and _ENVIRONMENT.fullmatch(name) is not None


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
