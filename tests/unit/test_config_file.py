"""The configuration is changed in one value; all else stays as its owner wrote it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.config.edit import changed_text, write_model_path
from lowtide.errors import ConfigError

MODEL = Path("/models/mini lm")
LINE = 'path = "/models/mini lm"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", f"[model]\n{LINE}\n"),
        ('budget = "1G" # mine\n', f'budget = "1G" # mine\n\n[model]\n{LINE}\n'),
        ('budget = "1G"', f'budget = "1G"\n\n[model]\n{LINE}\n'),
        ('[model]\npath = "old"   # a note\n# more\n', f"[model]\n{LINE}   # a note\n# more\n"),
        ("[ model ] # here\n\n[daemon]\nniceness = 1\n", f"[ model ] # here\n{LINE}\n\n[daemon]\nniceness = 1\n"),
        ("[model]", f"[model]\n{LINE}\n"),
        ("[model]\npath = '''old'''\n", f"[model]\n{LINE}\n"),
        ('model.path = "old"\nbudget = 1\n', 'model.path = "/models/mini lm"\nbudget = 1\n'),
        ("model = { path = 'old' } # x\n", 'model = { path = "/models/mini lm" } # x\n'),
        ('"model"."path" = "old"\n', '"model"."path" = "/models/mini lm"\n'),
        ("budget = 1\r\n", f"budget = 1\r\n\r\n[model]\r\n{LINE}\r\n"),
        ("[model]\r\n# empty\r\n", f"[model]\r\n{LINE}\r\n# empty\r\n"),
        ("\ufeff[model]\npath = 'old'\n", f"\ufeff[model]\n{LINE}\n"),
        # What only looks like the value stays.
        ("#path = 'a'\n[model]\n#path = 'b'\npath = 'c'\n", f"#path = 'a'\n[model]\n#path = 'b'\n{LINE}\n"),
        (
            '[index]\nexclude = ["""\n[model]\npath = \'x\'\n"""]\n',
            f'[index]\nexclude = ["""\n[model]\npath = \'x\'\n"""]\n\n[model]\n{LINE}\n',
        ),
    ],
)
def test_the_value_is_set_and_the_rest_stays(text: str, expected: str) -> None:
    assert changed_text(text, MODEL, "config.toml") == expected
    assert changed_text(expected, MODEL, "config.toml") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("[model]\npath = 'old' # a note\n# stays\n", "[model]\n# stays\n"),
        ("budget = 1\r\n[model]\r\npath = 'old'\r\n", "budget = 1\r\n[model]\r\n"),
        ("model.path = 'old'\nbudget = 1\n", "budget = 1\n"),
        ("model = { path = 'old' }\nbudget = 1\n", "budget = 1\n"),
        ("# path = 'old'\n[model]\npath = 'old'", "# path = 'old'\n[model]\n"),
        ("[daemon]\nniceness = 3\n", "[daemon]\nniceness = 3\n"),
    ],
)
def test_the_value_is_taken_out_and_the_rest_stays(text: str, expected: str) -> None:
    assert changed_text(text, None, "config.toml") == expected


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_path_can_be_spelled(name: str) -> None:
    model = Path("/models") / name.replace("/", "_")
    text = changed_text("budget = 1 # x\n", model, "config.toml")
    assert tomllib.loads(text) == {"budget": 1, "model": {"path": str(model)}}
    back = changed_text(text, None, "config.toml")
    assert tomllib.loads(back) == {"budget": 1, "model": {}}
    assert back.startswith("budget = 1 # x\n")


@pytest.mark.parametrize("text", ["model = {}\n", "[model", "model = 3\n", "[[model]]\npath = 'x'\n"])
def test_what_cannot_be_changed_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        changed_text(text, MODEL, "config.toml")
    assert raised.value.remedy
    assert "config.toml" in raised.value.message


def test_a_name_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        changed_text("", Path(os.fsdecode(b"/models/\xff")), "config.toml")


def test_the_file_is_private_and_written_only_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.toml"
    assert write_model_path(file, MODEL)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    before = file.stat().st_ino
    assert not write_model_path(file, MODEL)
    assert file.stat().st_ino == before
    assert write_model_path(file, None)
    assert os.listdir(file.parent) == ["config.toml"]


def test_a_linked_configuration_stays_linked(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "lowtide.toml"
    real.parent.mkdir()
    real.write_text("budget = 1\n")
    (tmp_path / "config.toml").symlink_to(real)
    assert write_model_path(tmp_path / "config.toml", MODEL)
    assert (tmp_path / "config.toml").is_symlink()
    assert real.read_text() == f"budget = 1\n\n[model]\n{LINE}\n"


def test_what_is_no_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(ConfigError, match="no plain file"):
        write_model_path(tmp_path / "config.toml", tmp_path)
