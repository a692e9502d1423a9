"""The encoder: same words give the same bag as the tokenizer, vectors do not depend on batching, and faults are
named."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lowtide.core.budget import LEAST_TASK_BYTES
from lowtide.errors import ModelError
from lowtide.work.model import bags
from lowtide.work.model.bags import WordBags, read_vocabulary
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Encoder, Side, document_text, document_words
from lowtide.work.model.model_folder import check_model, default_model, predict_bytes, read_model
from lowtide.work.words import _UNSPACED, split_words

MODELS = Path(__file__).parent.parent / "data" / "models"
MIB = 1 << 20


@pytest.fixture(scope="module")
def default() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return load_encoder(MODELS / "static")


@pytest.fixture(scope="module")
def transformer() -> Encoder:
    return load_encoder(MODELS / "transformer")


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(MODELS / name, tmp_path / name))

    return copied


def words(text: str) -> str:
    encoded = text.encode()
    return split_words(encoded, [0, len(encoded)])[0]


def cosine(a: npt.NDArray[np.int8], b: npt.NDArray[np.int8]) -> float:
    wide_a, wide_b = a.astype(float), b.astype(float)
    return float(wide_a @ wide_b / (np.linalg.norm(wide_a) * np.linalg.norm(wide_b)))


def bag_of(made: bags.Bags) -> dict[int, int]:
    return dict(zip(made.tokens.tolist(), np.rint(np.exp(made.weights - 1)).astype(int).tolist(), strict=True))


# Words to bags


TOKENIZER = Tokenizer.from_file(str(default_model() / "tokenizer.json"))
BAGS = WordBags(*read_vocabulary(default_model() / "tokenizer.json"), limit_words=50)
CODE = st.lists(
    st.one_of(
        st.sampled_from(
            ["getHTTPResponse", "URLs", "x2y", "日本語b", "Ġİ0", "m²", "1٣2", "ΣΑΣ", "été", "a" * 41, "deserialization"]
        ),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cn", "Cs"], max_codepoint=0xFFFF), max_size=12),
        st.text("aZs9_.", max_size=12),
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=300)
@given(CODE)
def test_the_bag_of_words_is_that_of_the_tokenizer(text: str) -> None:
    expected = Counter(TOKENIZER.encode(words(text)).ids)
    assert bag_of(BAGS.bags([words(text)])) == expected
    if not _UNSPACED.search(text):  # pairs of characters are ours; a tokenizer leaves what has no spaces whole
        assert Counter(TOKENIZER.encode(text).ids) == expected


@given(st.lists(CODE, max_size=6))
def test_bags_of_several_texts_are_those_of_each(texts: list[str]) -> None:
    split = [words(text) for text in texts]
    together = BAGS.bags(split)
    ends = np.cumsum(together.lengths)
    for text, start, end in zip(split, ends - together.lengths, ends, strict=True):
        part = bags.Bags(together.lengths, together.tokens[start:end], together.weights[start:end])
        assert bag_of(part) == Counter(TOKENIZER.encode(text).ids)


def test_remembered_words_are_bounded_and_counted() -> None:
    made = WordBags(*read_vocabulary(default_model() / "tokenizer.json"), limit_words=100)
    for start in range(0, 5_000, 50):
        made.bags(
            [
                " ".join(
                    f"zqx{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}kj"
                    for n in range(start, start + 50)
                )
            ]
        )
    statistics = made.statistics()
    assert statistics.words <= 150
    assert statistics.evictions >= 4_700
    assert statistics.misses == 5_000
    made.bags(["parse the file"])
    assert made.statistics().hits == 3


# Vectors


def test_a_question_is_nearest_to_the_code_that_answers_it(default: Encoder) -> None:
    query = default.encode(["read the configuration file"], Side.QUERY)[0]
    codes = [
        "def load_config(path):\n    with open(path) as file:\n        return parse(file.read())",
        "def connect(host, port):\n    sock = socket.socket()\n    sock.connect((host, port))",
        "def draw_circle(canvas, radius):\n    canvas.arc(0, 0, radius)",
    ]
    found = [cosine(query, vector) for vector in default.encode(codes, Side.DOCUMENT)]
    assert found.index(max(found)) == 0


def test_vectors_are_int8_scaled_by_their_own_maximum(default: Encoder) -> None:
    vectors = default.encode(["open a socket", "x", "", "☺ …"], Side.DOCUMENT)
    assert vectors.shape == (4, default.dims) == (4, 256)
    assert vectors.dtype == np.int8
    assert np.abs(vectors.astype(int)).max(axis=1).tolist() == [127, 127, 0, 0]


@pytest.mark.parametrize("batch_rows", [1, 3, 64])
def test_batching_and_order_do_not_change_vectors(default: Encoder, batch_rows: int) -> None:
    texts = [f"read file {'number ' * (n % 7)} of_{chr(97 + n % 26)}Name {n}" for n in range(40)]
    expected = np.concatenate([default.encode([text], Side.DOCUMENT) for text in texts])
    batched = default.encode(texts, Side.DOCUMENT, batch_rows)
    assert np.abs(batched.astype(int) - expected).max() <= 1
    split = default.encode_words([words(text) for text in texts], Side.DOCUMENT, batch_rows)
    assert (split == batched).all()


def test_nothing_to_encode_gives_no_rows(default: Encoder, transformer: Encoder) -> None:
    assert default.encode_words([], Side.DOCUMENT).shape == (0, 256)
    assert transformer.encode([], Side.QUERY).shape == (0, 8)


def test_a_static_model_weighs_counts_by_their_logarithm(tiny: Encoder) -> None:
    once, thrice, other = (
        vector.astype(float) for vector in tiny.encode(["read", "read read read write", "write"], Side.DOCUMENT)
    )
    basis = np.stack([once, other], 1)
    weights = np.linalg.lstsq(basis, thrice, rcond=None)[0]
    single = load_encoder(MODELS / "static").encode(["read write"], Side.DOCUMENT)[0].astype(float)
    plain = np.linalg.lstsq(basis, single, rcond=None)[0]
    assert weights[0] / weights[1] / (plain[0] / plain[1]) == pytest.approx(1 + math.log(3), rel=0.05)


def test_a_model_may_weigh_a_query_otherwise(tiny: Encoder) -> None:
    text = ["read zzz broken"]
    assert cosine(tiny.encode(text, Side.QUERY)[0], tiny.encode(text, Side.DOCUMENT)[0]) < 0.999


def test_a_very_long_text_is_encoded_in_bounded_time(default: Encoder) -> None:
    assert default.encode(["int x; " * 50_000], Side.DOCUMENT).any()


def test_a_document_has_its_name_in_front() -> None:
    assert document_words("Server.readAll", "return 1") == "server read all return 1"
    assert document_words("", "") == ""
    assert document_text("main", "int x;") == "main\nint x;"
    assert document_text("Server.readAll", "x") == document_text("server read all", "x"), "whoever has split the name"
    assert document_text("", "int x;") == "int x;"


def test_recipes_tell_models_apart(
    tiny: Encoder, default: Encoder, transformer: Encoder, copy: Callable[[str], Path]
) -> None:
    assert len({tiny.recipe, default.recipe, transformer.recipe}) == 3
    assert read_model(copy("static")).recipe == tiny.recipe
    folder = copy("transformer")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 11}')
    assert read_model(folder).recipe != transformer.recipe


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from Linux's accounting")
def test_the_default_model_adds_at_most_12_mib() -> None:
    program = """
import numpy as np, psutil
from lowtide.work.words import split_words
def anonymous():
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared
np.sort(np.random.default_rng(0).random(1000)); split_words(b"a b", [0, 3])
before = anonymous()
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Side
encoder = load_encoder()
texts = [" ".join(f"word{chr(97 + n % 26)}{chr(97 + k % 26)}{k}" for k in range(100)) for n in range(256)]
peak = 0
for _ in range(4):
    encoder.encode(texts, Side.DOCUMENT)
    peak = max(peak, anonymous())
print(peak - before)
"""
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert int(printed) <= 12 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process from outside")
def test_the_default_model_embeds_in_the_room_of_the_smallest_task() -> None:
    program = f"""
import os
from lowtide.system.memory import limit_data_bytes
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Side
encoder = load_encoder()
assert limit_data_bytes(os.getpid(), {LEAST_TASK_BYTES})
texts = [" ".join(f"word{{chr(97 + n % 26)}}{{chr(97 + k % 26)}}{{k}}" for k in range(400)) for n in range(64)]
assert encoder.encode(texts, Side.DOCUMENT).any()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# Models of the user's own


def test_a_plain_sentence_transformers_folder_is_mean_pooled(transformer: Encoder) -> None:
    short, padded = transformer.encode(["read file", "read the config of a server"], Side.DOCUMENT)
    assert (short == transformer.encode(["read file"], Side.DOCUMENT)[0]).all()
    assert (padded == transformer.encode_words(["read the config of a server"], Side.QUERY)[0]).all()
    assert not transformer.takes_words


def test_cls_pooling_is_read_from_the_folder(copy: Callable[[str], Path], transformer: Encoder) -> None:
    folder = copy("transformer")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    other = load_encoder(folder)
    assert other.recipe != transformer.recipe
    assert (
        cosine(other.encode(["read file"], Side.DOCUMENT)[0], transformer.encode(["read file"], Side.DOCUMENT)[0])
        < 0.99
    )


def test_an_onnx_subfolder_without_any_configuration_works(copy: Callable[[str], Path]) -> None:
    folder = copy("transformer")
    shutil.rmtree(folder / "1_Pooling")
    (folder / "sentence_bert_config.json").unlink()
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    assert load_encoder(folder).encode(["read"], Side.QUERY).any()


def test_long_texts_are_cut_at_the_models_length(transformer: Encoder) -> None:
    # 12 tokens, of which [CLS] and [SEP] are two.
    ten = " ".join(["read", "file"] * 5)
    assert (
        transformer.encode([f"{ten} socket server"], Side.DOCUMENT) == transformer.encode([ten], Side.DOCUMENT)
    ).all()


def test_numbers_that_are_not_finite_are_refused(transformer: Encoder) -> None:
    with pytest.raises(ModelError, match="not finite"):
        transformer.encode(["read broken file"], Side.DOCUMENT)


def edit(folder: Path, **fields: object) -> None:
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(described | fields))


@pytest.mark.parametrize(
    ("model", "damage", "message"),
    [
        ("static", lambda f: shutil.rmtree(f), "no such folder"),
        ("static", lambda f: (f / "model.onnx").unlink(), "model.onnx is missing"),
        ("static", lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        ("static", lambda f: (f / "model.json").write_text("{"), "not readable as JSON"),
        ("static", lambda f: (f / "model.onnx").write_bytes(b"other"), "model.onnx is not the file"),
        ("static", lambda f: edit(f, format_version=9), "format_version is 9"),
        ("static", lambda f: edit(f, kind="oracle"), "oracle"),
        ("static", lambda f: edit(f, pooling="mean"), "does not go with kind static"),
        ("static", lambda f: edit(f, dims=64), r"shape \(1, 32\), expected 64"),
        ("static", lambda f: edit(f, dims=5000), "dims is 5000"),
        ("static", lambda f: (f / "model.json").unlink(), "inputs are"),
        ("transformer", lambda f: (f / "model.onnx").write_bytes(b"no graph"), "cannot load model.onnx"),
        ("transformer", lambda f: (f / "tokenizer.json").write_text("{}"), "not a tokenizer"),
        (
            "transformer",
            lambda f: shutil.copy(default_model() / "tokenizer.json", f),
            "tokens of its own tokenizer.json",
        ),
        ("transformer", lambda f: shutil.copy(MODELS / "static" / "model.onnx", f), "inputs are"),
        (
            "transformer",
            lambda f: (f / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}'),
            "neither mean nor cls",
        ),
    ],
)
def test_a_fault_of_a_model_is_named(
    copy: Callable[[str], Path], model: str, damage: Callable[[Path], object], message: str
) -> None:
    folder = copy(model)
    damage(folder)
    with pytest.raises(ModelError, match=message) as raised:
        load_encoder(folder)
    assert raised.value.remedy


def test_a_static_model_needs_lowtides_tokenizer(copy: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="not a WordPiece tokenizer"):
        read_vocabulary(MODELS / "transformer" / "tokenizer.json")


def test_a_model_too_large_for_the_budget_is_refused_with_what_would_do(
    tmp_path: Path, copy: Callable[[str], Path]
) -> None:
    folder = copy("transformer")
    with (folder / "model.onnx").open("ab") as file:
        file.truncate(100 * MIB)
    needed = predict_bytes(folder)
    assert needed > 200 * MIB
    with pytest.raises(ModelError, match="64 MiB are left") as raised:
        check_model(folder, 64 * MIB)
    assert f"leaves {-(-needed // MIB)} MiB" in raised.value.remedy
    assert check_model(folder, needed) == needed
    assert check_model(default_model(), 80 * MIB) <= 80 * MIB


@pytest.mark.skipif("LOWTIDE_TEST_MINILM" not in os.environ, reason="LOWTIDE_TEST_MINILM names no MiniLM folder")
def test_a_real_minilm_folder_works() -> None:
    encoder = load_encoder(Path(os.environ["LOWTIDE_TEST_MINILM"]))
    assert encoder.dims == 384
    query, near, far = encoder.encode(
        ["how to open a network connection", "create a tcp socket", "bake a cake"], Side.QUERY
    )
    assert cosine(query, near) > cosine(query, far) + 0.2
