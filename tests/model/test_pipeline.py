"""The pipeline that makes the default model, step by step over a tiny world: three packages, one that judges, one
foreign.

What needs torch (the training) is skipped without it; everything else runs with Lowtide's own development dependencies.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from model.extract import NOTHING, write_functions
from model.judge import Retrieval, bm25, cut, dense, exact, figures, judge
from tokenizers import Tokenizer

from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import read_model
from model import fetch, licences, pairs, tokenizer

VERBS = [
    "open",
    "close",
    "read",
    "write",
    "parse",
    "send",
    "merge",
    "sort",
    "cache",
    "retry",
    "encode",
    "measure",
    "trim",
]
NOUNS = [
    "socket",
    "file",
    "header",
    "request",
    "vector",
    "matrix",
    "token",
    "buffer",
    "record",
    "index",
    "colour",
    "price",
]
MORE = ["packet", "branch", "window", "lease", "budget", "cursor", "thread", "signal", "folder", "session", "widget"]
OPERATIONS = {"open": "acquire", "close": "release", "send": "transmit", "sort": "order", "parse": "scan"}


def function(verb: str, noun: str, style: int) -> str:
    """A documented function of its own; the style tells projects apart, so that no two have the same code."""
    used = OPERATIONS.get(verb, verb)
    return (
        f"def {verb}_{noun}(source, limit={style}):\n"
        f'    """{verb.capitalize()} the {noun} that a caller asked for."""\n'
        f"    {noun} = lookup_{noun}(source, {style})\n"
        f"    for step in range(limit):\n"
        f"        {noun} = {used}_{noun}_once({noun}, step)\n"
        f"    return {noun}\n\n\n"
    )


def module(nouns: list[str], style: int) -> str:
    return "import os\n\n\n" + "".join(function(verb, noun, style) for verb, noun in product(VERBS, nouns))


@dataclass(frozen=True)
class World:
    """Where the steps left their results."""

    work: Path
    rows: list[dict[str, str]]
    files: list[Path]
    judged: list[Path]
    prefix: Path

    @property
    def tokenizer(self) -> Path:
        return self.work / "tokenizer.json"

    @property
    def bags(self) -> Path:
        return self.work / "bags.npz"

    def start(self) -> npt.NDArray[np.float32]:
        """Random token vectors: what training makes of them is its own work."""
        size = Tokenizer.from_file(str(self.tokenizer)).get_vocab_size()
        vectors = np.random.default_rng(0).normal(size=(size, 32)).astype(np.float32)
        unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def write_wheel(folder: Path, name: str, licence: str, modules: dict[str, str]) -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in modules.items():
            wheel.writestr(f"{name}/{path}", text)
        wheel.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{licence}"
        )
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("pipeline")
    wheels = folder / "wheels"
    wheels.mkdir()
    # `wide` is large enough to be held out of training; `echo` has what others have: of `wide`, and of the judge.
    write_wheel(wheels, "wide", "License-Expression: MIT\n", {"a.py": module(NOUNS + MORE, 3)})
    write_wheel(wheels, "narrow", "Classifier: License :: OSI Approved :: BSD License\n", {"b.py": module(NOUNS, 5)})
    echo = module(MORE, 7) + function("open", "socket", 3) + function("trim", "lens", 9)
    write_wheel(wheels, "echo", "License: Apache 2.0\n", {"c.py": echo, "tests/test_c.py": module(["fixture"], 1)})
    write_wheel(wheels, "foreign", "License-Expression: GPL-3.0-only\n", {"d.py": module(NOUNS, 11)})
    write_wheel(wheels, "judging", "License-Expression: MIT\n", {"e.py": module(["lens", "mirror", "prism"], 9)})
    sources = folder / "sources.toml"
    sources.write_text(
        "[pypi]\npackages = ['wide', 'narrow', 'echo', 'foreign', 'absent']\n"
        + "".join(f"[{name}]\npackages = []\n" for name in ("npm", "debian", "debian-source"))
        + "[bundled]\n[never]\npypi = ['judging']\nnpm = []\n"
    )
    work = folder / "work"
    work.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        patch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        rows = fetch.fetch_all(work, sources, folder / "lock.json")
    files = []
    for row in (row for row in rows if row["use"] == "yes"):
        files.append(work / f"{row['name']}.jsonl")
        write_functions(work / "packages" / "pypi" / row["name"], row["name"], files[-1])
    judged = work / "judging.jsonl"
    write_functions(work / "judges" / "pypi" / "judging", "judging", judged, NOTHING)
    world = World(work, rows, files, [judged], folder / "set")
    write_retrieval(judged, world.prefix)
    tokenizer.train(pairs.sample_words(files, every=1), 600, world.tokenizer)
    projects = list(pairs.kept(files, pairs.read_judges([judged], [world.prefix]), Counter()))
    pairs.encode(projects, world.tokenizer, world.bags)
    return world


def write_retrieval(functions: Path, prefix: Path) -> None:
    records = [json.loads(line) for line in functions.read_text().splitlines()]
    with (
        gzip.open(f"{prefix}_corpus.jsonl.gz", "wt") as corpus,
        gzip.open(f"{prefix}_queries.jsonl.gz", "wt") as queries,
    ):
        for number, record in enumerate(records):
            base = {"project": "judging", "lang": "py"}
            row = {"id": number, "path": record["path"], "qual": record["qualified_name"], "name": record["name"]}
            corpus.write(json.dumps(base | row | {"text": record["code"]}) + "\n")
            queries.write(json.dumps(base | {"query": record["sentence"], "target": number}) + "\n")


def records(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# Fetching and licences


def test_packages_are_fetched_and_their_licence_read(world: World) -> None:
    rows = {row["name"]: row for row in world.rows}
    said = {name: (row["use"], row["licence"]) for name, row in rows.items()}
    assert said == {
        "wide": ("yes", "MIT"),
        "narrow": ("yes", "BSD"),
        "echo": ("yes", "Apache-2.0"),
        "foreign": ("no", "GPL-3.0-only"),
        "absent": ("no", "not fetched"),
    }
    assert rows["wide"]["version"] == "1.0"
    assert len(rows["wide"]["sha256"]) == 64


def test_a_package_that_is_not_permissive_leaves_no_source(world: World) -> None:
    assert not list((world.work / "packages" / "pypi" / "foreign").rglob("*.py"))
    assert list((world.work / "packages" / "pypi" / "wide").rglob("*.py"))


@pytest.mark.parametrize(
    ("said", "normal"),
    [
        ("MIT", "MIT"),
        ("(MIT OR GPL-3.0-only)", "MIT"),
        ("MIT AND BSD-3-Clause", "MIT AND BSD-3-Clause"),
        ("MIT AND LGPL-2.1", None),
        ("Proprietary", None),
        ("", None),
    ],
)
def test_only_what_is_clearly_permissive_passes(said: str, normal: str | None) -> None:
    assert licences.accepted(said) == normal


def test_a_project_that_judges_cannot_be_a_source(tmp_path: Path) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text(
        "[pypi]\npackages = ['django']\n"
        + "".join(f"[{name}]\npackages = []\n" for name in ("npm", "debian", "debian-source"))
        + "[bundled]\n[never]\npypi = ['django']\nnpm = []\n"
    )
    with pytest.raises(SystemExit, match="django"):
        fetch.fetch_all(tmp_path, sources, tmp_path / "lock.json")


# Extraction


def test_functions_are_extracted_without_their_docs_and_without_tests(world: World) -> None:
    wide = records(world.work / "wide.jsonl")
    assert len(wide) == len(VERBS) * len(NOUNS + MORE)
    first = next(record for record in wide if record["name"] == "open_socket")
    assert first["sentence"] == "Open the socket that a caller asked for"
    assert first["path"] == "wide/a.py"
    assert "caller" not in first["code"]
    assert not [record for record in records(world.work / "echo.jsonl") if "fixture" in record["name"]]


def test_other_languages_are_extracted_too(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text(
        "/** Sum of all prices in a cart. */\nexport function total(items: number[]): number {\n"
        "  let sum = 0;\n  for (const item of items) sum += item;\n  return sum;\n}\n"
    )
    (tmp_path / "b.c").write_text(
        "/* Length of the line between two points. */\ndouble distance(double a, double b) {\n"
        "    double d = a - b;\n    return d < 0 ? -d : d;\n}\n"
    )
    write_functions(tmp_path, "mixed", tmp_path / "out.jsonl")
    found = {record["name"]: record["sentence"] for record in records(tmp_path / "out.jsonl")}
    assert found == {"total": "Sum of all prices in a cart", "distance": "Length of the line between two points"}


# De-duplication and the projects that judge


def test_duplicates_and_what_judges_are_left_out(world: World) -> None:
    counts: Counter[str] = Counter()
    projects = list(pairs.kept(world.files, pairs.read_judges(world.judged, [world.prefix]), counts))
    assert counts["judge: code"] == 1
    assert counts["duplicate"] == 1
    codes = [record["code_hash"] for project in projects for record in project]
    assert len(set(codes)) == len(codes) == counts["kept"]
    judged = {record["code_hash"] for file in world.judged for record in records(file)}
    assert not judged & set(codes)


def test_a_judging_project_is_known_by_sentences_and_lines_too(world: World) -> None:
    judges = pairs.read_judges(world.judged, [world.prefix])
    judged = records(world.judged[0])[0]
    other = {**judged, "code_hash": "new", "code": "def other():\n    return 1\n"}
    assert judges.reject(other) == "judge: sentence"
    copied = "\n".join(f"    value_{n} = compute_a_long_expression_{n}(value)" for n in range(6))
    judges.add(copied, None)
    assert judges.reject({**other, "sentence": "", "code": f"def mine():\n{copied}\n    return 1"}) == "judge: lines"


# Tokenizer and bags


def test_bags_are_those_of_the_words(world: World) -> None:
    vocabulary = Tokenizer.from_file(str(world.tokenizer))
    assert vocabulary.token_to_id("[PAD]") == 0
    assert vocabulary.token_to_id("socket") is not None
    with np.load(world.bags) as arrays:
        assert len(np.unique(arrays["project"])) == 3
        start, end = arrays["sentence_offsets"][:2]
        tokens = [vocabulary.id_to_token(int(token)) for token in arrays["sentence_tokens"][start:end]]
        assert {"the", "that", "caller"} <= set(tokens)
        assert arrays["has"].all()


# Export and judging


def test_a_table_is_exported_and_judged(world: World, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the graph is written with onnx: pip install -r model/requirements.txt")
    from model import export

    table = world.start()
    table[:2] = 0
    about = {"name": "made-here", "licence": "MIT", "provenance": {"made_by": "a test"}}
    factors = np.ones(len(table), np.float32)
    export.write_folder(tmp_path / "model", table, factors, world.tokenizer, about)

    model = read_model(tmp_path / "model")
    assert (model.name, model.licence, model.dims) == ("made-here", "MIT", 32)
    encoder = load_encoder(tmp_path / "model")
    same, again, other = encoder.encode(["open the socket", "socket: open THE", "trim a price"], Side.DOCUMENT)
    assert (same == again).all()
    assert (same != other).any()
    # The exported int8 table gives the vectors that the float one does.
    ids = Tokenizer.from_file(str(world.tokenizer)).encode("open the socket").ids
    summed = table[ids].sum(0)
    assert same.astype(float) @ summed / np.linalg.norm(same.astype(float)) / np.linalg.norm(summed) > 0.999

    found = judge(tmp_path / "model", str(world.prefix))
    assert {"BM25, code", "BM25, name and path", "made-here, header", "made-here, header, float32"} <= set(found)
    for row in found.values():
        assert 0 <= row["recall1"] <= row["mrr10"] <= row["ndcg10"] <= 1
    assert found["BM25, name and path"]["ndcg10"] > 0.5


def test_a_table_in_principal_order_keeps_cosines_and_bears_cutting(world: World) -> None:
    pytest.importorskip("onnx", reason="the graph is written with onnx: pip install -r model/requirements.txt")
    from model import export

    table = world.start()
    turned = export.in_principal_order(table, world.bags)
    assert np.abs(turned @ turned.T - table @ table.T).max() < 1e-4
    with np.load(world.bags) as arrays:
        ends = arrays["code_offsets"]
        texts = [arrays["code_tokens"][start:end] for start, end in pairwise(ends)]
    whole = np.stack([turned[tokens].sum(0) for tokens in texts])
    shares = (whole**2).sum(0)
    assert shares[:8].sum() > 2 * shares[8:16].sum() > 0


def test_figures_are_those_of_the_ranks() -> None:
    assert figures(np.array([1.0, 2.0, 11.0, 4.0])) == {
        "ndcg10": round((1 + 1 / np.log2(3) + 1 / np.log2(5)) / 4, 4),
        "mrr10": round((1 + 0.5 + 0.25) / 4, 4),
        "recall1": 0.25,
        "recall5": 0.75,
        "recall10": 0.75,
    }


def test_a_perfect_lexicon_finds_everything(world: World) -> None:
    retrieval = Retrieval(str(world.prefix))
    scores = bm25(retrieval, str.split, header=False)
    assert all(len(row) == len(retrieval.functions["judging"]) for row in scores["judging"])
    told = {"judging": np.eye(len(retrieval.rows))}
    assert figures(retrieval.ranks(told))["ndcg10"] == 1


def test_vectors_cut_and_made_int8_lose_little(world: World) -> None:
    retrieval = Retrieval(str(world.prefix))
    folder = Path(__file__).parent.parent / "data" / "models" / "static"
    vectors = exact(retrieval, folder)
    whole = cut(vectors, 32)["judging"]
    assert np.abs(whole - dense(retrieval, load_encoder(folder), header=True)["judging"]).max() < 1e-6
    assert np.abs(whole - cut(vectors, 16)["judging"]).max() > 0.01


# Training


def stop_after(last: int, save: Callable[..., None]) -> Callable[..., None]:
    """`save` that ends the run as Ctrl-C does, once step `last` is written."""

    def stopping(run: object, path: Path, step: int) -> None:
        save(run, path, step)
        if step == last:
            raise KeyboardInterrupt

    return stopping


def test_training_learns_is_repeatable_and_goes_on_after_an_interruption(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="training needs torch: pip install -r model/requirements.txt")
    import model.train
    from model.train import Settings, train

    from model import export

    settings = Settings(steps=60, batch=96, group=32, rate=2e-2)
    vectors, factors, told = train(world.bags, world.start(), settings)
    assert float(str(told["held_out_ndcg10"])) > float(str(told["held_out_ndcg10_start"])) + 0.05
    assert told["projects"] == 2
    again = train(world.bags, world.start(), settings)
    assert (again[0] == vectors).all()
    assert (again[1] == factors).all()
    checkpoint = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as context:
        context.setattr(model.train, "_CHECKPOINT_STEPS", 25)
        context.setattr(model.train._Run, "save", stop_after(50, model.train._Run.save))
        with pytest.raises(KeyboardInterrupt):
            train(world.bags, world.start(), settings, checkpoint=checkpoint)
    continued = train(world.bags, world.start(), settings, checkpoint=checkpoint)
    assert (continued[0] == vectors).all()
    assert "from step 50" in capsys.readouterr().out
    about = {"name": "trained-here", "licence": "MIT", "provenance": told}
    export.write_folder(tmp_path / "model", vectors, factors, world.tokenizer, about)
    found = judge(tmp_path / "model", str(world.prefix))
    assert found["trained-here, header"]["ndcg10"] > 0.5
