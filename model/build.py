"""Make the default model from nothing: `python -m model.build --prefix PREFIX`.

    fetch sources -> extract functions -> leave out the judges -> tokenizer -> bags -> start vectors -> train -> export
    -> judge

Each step leaves its result in the work folder, whole or not at all, and is passed over when it is there; an interrupted
one goes on with the package, or from the training step, that it had come to. `--from STEP` does that step and all later
ones again. Needs torch and onnx besides Lowtide's own dependencies: `pip install -e . -r model/requirements.txt`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from lowtide.work.model.model_folder import default_model
from model import export, fetch, judge, pairs, questions, start, tokenizer
from model.extract import NOT_SOURCE, NOTHING, write_functions
from model.files import whole
from model.progress import counted, progress
from model.train import Settings, train

STEPS = ("fetch", "extract", "tokenizer", "encode", "start", "train", "export")
DIMS = 256
VOCABULARY = 27_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("model/work"))
    parser.add_argument("--target", type=Path, default=default_model(), help="the model folder to write")
    parser.add_argument("--from", dest="first", choices=STEPS, help="do this step and all after it again")
    parser.add_argument("--steps", type=int, default=Settings().steps, help="training steps")
    parser.add_argument("--rate", type=float, default=Settings().rate, help="of learning")
    parser.add_argument("--table", type=Path, help="a trained.npz to go on from, instead of the teacher's vectors")
    parser.add_argument("--seed", type=int, default=Settings().seed)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for extraction")
    parser.add_argument(
        "--judge-trees", type=Path, help="the folder of the trees that model/questions.jsonl asks of: left out too"
    )
    parser.add_argument(
        "--prefix", required=True, help="the retrieval set that judges: PREFIX_corpus.jsonl.gz, PREFIX_queries.jsonl.gz"
    )
    args = parser.parse_args()
    work: Path = args.work
    work.mkdir(parents=True, exist_ok=True)
    results = {
        "extract": work / "functions",
        "tokenizer": work / "tokenizer.json",
        "encode": work / "bags.npz",
        "start": work / "start.npy",
        "train": work / "trained.npz",
    }
    if args.first:
        for step in STEPS[STEPS.index(args.first) :]:
            if step in results:
                _remove(results[step])

    print("fetch", flush=True)
    rows = fetch.fetch_all(work)
    print("extract", flush=True)
    trees = judge_trees(args.judge_trees) if args.judge_trees else []
    files, judged = extract(work, [row for row in rows if row["use"] == "yes"], args.processes, trees)
    if not results["tokenizer"].exists():
        print("tokenizer", flush=True)
        read = counted(files, "tokenizer", "packages", len(files))
        with whole(results["tokenizer"]) as part:
            tokenizer.train(pairs.sample_words(read, every=6), VOCABULARY, part)
    if not results["encode"].exists():
        print("encode", flush=True)
        counts: Counter[str] = Counter()
        judges = pairs.read_judges(judged, [Path(args.prefix)])
        kept = pairs.kept(counted(files, "encode", "packages", len(files)), judges, counts)
        with whole(results["encode"]) as part:
            pairs.encode(kept, results["tokenizer"], part)
        (work / "counts.json").write_text(json.dumps(counts, indent=1), "utf-8")
        print(dict(counts), flush=True)
    if not results["start"].exists():
        print("start vectors", flush=True)
        with np.load(results["encode"]) as arrays:
            tokens, times = arrays["code_tokens"], arrays["code_counts"]
        vocabulary = Tokenizer.from_file(str(results["tokenizer"]))
        occurrences = np.bincount(tokens, times, minlength=vocabulary.get_vocab_size()).astype(np.int64)
        with whole(results["start"]) as part, part.open("wb") as out:
            np.save(out, start.start_vectors(start.fetch_teacher(work), vocabulary, occurrences, DIMS))
    settings = Settings(steps=args.steps, seed=args.seed, rate=args.rate)
    if args.table:
        settings = replace(settings, start_scale=30.0)  # about what a first run's temperature ends at
    if not results["train"].exists():
        print("train", flush=True)
        checkpoint = work / "checkpoint.pt"
        if args.table:
            with np.load(args.table) as earlier:
                begin, factors = earlier["vectors"], earlier["factors"]
        else:
            begin, factors = np.load(results["start"]), None
        vectors, factors, figures = train(results["encode"], begin, settings, factors, checkpoint)
        vectors[:2] = 0  # [PAD] and [UNK] say nothing
        with whole(results["train"]) as part, part.open("wb") as out:
            np.savez(out, vectors=vectors, factors=factors, figures=json.dumps(figures))
        checkpoint.unlink(missing_ok=True)
    print("export", flush=True)
    with np.load(results["train"]) as trained:
        about = {
            "name": "lowtide-default",
            "licence": "MIT",
            "provenance": {
                "made_by": "python -m model.build (docs/model.md)",
                "sources": f"{len(files)} packages of model/sources.lock.json, permissive licences only",
                "start": "token vectors of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), by PCA",
                **json.loads(str(trained["figures"])),
            },
        }
        vectors = export.in_principal_order(trained["vectors"], results["encode"])
        export.write_folder(args.target, vectors, trained["factors"], results["tokenizer"], about)
    print("judge", flush=True)
    judge.judge(args.target, args.prefix)


def judge_trees(folder: Path) -> list[Path]:
    """The trees in `folder` that the hand-written questions ask of."""
    return [folder / tree for tree in questions.load_trees()]


def extract(
    work: Path, rows: list[dict[str, str]], processes: int, trees: Sequence[Path] = ()
) -> tuple[list[Path], list[Path]]:
    """Extract the functions of each package once; returns the files of the sources and of what judges, `trees` with
    it."""
    bundled = tomllib.loads(fetch.SOURCES.read_text("utf-8"))["bundled"]
    folder = work / "functions"
    (folder / "judges").mkdir(parents=True, exist_ok=True)
    jobs = []
    for row in rows:
        key = f"{row['registry']}/{row['name']}"
        name = row["name"].replace("/", "__")
        target = folder / f"{row['registry']}__{name}.jsonl"
        jobs.append((work / "packages" / row["registry"] / name, key, target, NOT_SOURCE, bundled.get(key)))
    sources = [job[2] for job in jobs]
    jobs += [
        (root, root.name, folder / "judges" / f"{root.name}.jsonl", NOTHING, None)
        for root in sorted((work / "judges").glob("*/*"))
    ]
    jobs += [
        (tree, tree.name, folder / "judges" / ("tree-" + "-".join(tree.parts[-2:]) + ".jsonl"), NOTHING, None)
        for tree in trees
    ]
    todo = [job for job in jobs if not job[2].exists()]
    with ProcessPoolExecutor(processes) as pool, progress("extract", len(todo), "packages") as advance:
        for name, count in pool.map(_extract_one, todo):
            advance(f"{name}: {count} functions")
    return sources, [job[2] for job in jobs[len(sources) :]]


def _extract_one(job: tuple[Path, str, Path, re.Pattern[str], str | None]) -> tuple[str, int]:
    most = 25_000 if job[3] is NOT_SOURCE else 1_000_000
    return job[1], write_functions(*job, most=most)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
