"""Texts that hold others: components through their scripts, notebooks cell by cell."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide import languages
from lowtide.work.parse import parse, views
from lowtide.work.parse.parse import Parsed

VUE = """<template>
  <div @click="rise(1)">{{ level }}</div>
</template>

<script lang="ts">
export default { methods: { fall() { return 1 } } }
</script>

<script setup lang="ts">
const level = ref(0)
/** Rises by so much. */
function rise(by: number): number {
  return by
}
interface Point { x: number }
</script>

<style scoped>
.gauge { color: red; }
</style>
"""
SVELTE = """<script context="module">
  export function preload() { return 1 }
</script>
<script>
  export let level = 0;
  $: doubled = level * 2;
  const rise = (by) => { level += by };
</script>
<button on:click={() => rise(1)}>{doubled}</button>
<script type="application/json">{"a": 1} function none() {}</script>
"""
ASTRO = """---
import X from './x.astro';
const { title } = Astro.props;
function rise(by: number) { return by; }
---
<h1>{title}</h1>
<script>
  function inBrowser() {}
</script>
"""
CELLS = [
    ("markdown", ["# Of tides\n", "Some *prose*"]),
    (
        "code",
        [
            "%matplotlib inline\n",
            "def rise(by):\n",
            '    """Rises."""\n',
            "    if by:\n",
            '        return "a\\n"\n',
            '    return r"\\d"\n',
            "\n",
            "class Gauge:\n",
            "    def read(self):\n",
            "\treturn 'é'\n",
            "!ls def\n",
            "LIMIT = 3",
        ],
    ),
    ("code", ["%%bash\n", "def not_python():\n", "    pass"]),
    ("code", ["def last(): return 1 + \\\n", "    2\n"]),
]


def parsed(path: str, text: str) -> Parsed:
    language = languages.language_for(path.encode(), text.encode())
    assert language is not None
    return parse.parse(text.encode(), language, 60.0)


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.vue", VUE, {"fall": 6, "level": 10, "rise": 12, "Point": 15, "x": 15}),
        ("a.svelte", SVELTE, {"preload": 2, "level": 5, "doubled": 6, "rise": 7}),
        ("a.astro", ASTRO, {"title": 3, "rise": 4, "inBrowser": 8}),
    ],
)
def test_a_component_is_read_through_its_scripts(path: str, text: str, names: dict[str, int]) -> None:
    found = parsed(path, text)
    assert {row[0]: row[7] + 1 for row in found.symbols} == names
    assert all(text.splitlines()[row[7]][row[8] :].startswith(row[0]) for row in found.symbols)
    assert "".join(text[row[0] : row[1]] for row in found.chunks) == text
    assert path != "a.vue" or {row[10] for row in found.symbols if row[0] == "rise"} == {"Rises by so much."}


def notebook(style: str, language: str = "python") -> str:
    picture = {
        "output_type": "display_data",
        "data": {"image/png": "iVBOR" * 3000, "text/plain": ["def shown(): pass"]},
    }
    cells = [
        {"cell_type": kind, "outputs": [picture], "source": "".join(lines) if style == "strings" else lines}
        for kind, lines in CELLS
    ]
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": {"language": language}}, "nbformat": 4},
        indent=1 if style == "pretty" else None,
        ensure_ascii=style == "flat",
    )


@pytest.mark.parametrize("style", ["pretty", "flat", "strings"])
def test_a_notebook_is_read_cell_by_cell(style: str) -> None:
    text = notebook(style)
    found = parsed("a.ipynb", text)
    assert [(row[2], row[0]) for row in found.symbols] == [
        ("", "rise"),
        ("", "Gauge"),
        ("Gauge", "read"),
        ("", "LIMIT"),
        ("", "last"),
    ]
    assert not found.had_errors
    lines = text.splitlines()
    for row in found.symbols:
        assert lines[row[7]][row[8] :].startswith(row[0])
        assert row[3:5] <= row[7:9] <= row[5:7]
    assert found.readable is not None
    assert len(found.readable) == len(text.encode())
    words = found.readable.split()
    assert {b"tides", b"*prose*", b"not_python():", b"LIMIT"} <= {*words}
    assert not any(b"iVBOR" in word or b"shown" in word for word in words)
    assert found.chunks[0][0] == 0
    assert found.chunks[-1][1] == len(text.encode())
    assert all(row[2] <= row[3] < len(lines) for row in found.chunks)


def test_a_notebook_of_another_language_is_read_by_that() -> None:
    cells = [{"cell_type": "code", "source": ["rise <- function(by) {\n", "  by\n", "}"]}]
    text = json.dumps({"cells": cells, "metadata": {"language_info": {"name": "R"}}}, indent=1)
    assert [row[0] for row in parsed("a.ipynb", text).symbols] == ["rise"]
    unknown = json.dumps({"cells": cells, "metadata": {"language_info": {"name": "nonsense"}}})
    assert parsed("a.ipynb", unknown).symbols == []


@given(
    st.recursive(st.text(max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=4), max_leaves=12),
    st.text(max_size=30),
)
def test_any_text_has_views_as_long_as_it_is(value: object, tail: str) -> None:
    text = (json.dumps({"cells": [{"cell_type": "code", "source": value}]}) + tail).encode("utf-8", "replace")
    for data in (text, text[: len(text) // 2], tail.encode("utf-8", "replace"), b"<script>" + text):
        cells = views.notebook(data)
        assert len(cells.readable) == len(cells.code) == len(data) == len(views.scripts(data))
        cells.readable.decode()
        cells.code.decode()
        assert cells.readable.count(b"\n") == cells.code.count(b"\n")


def test_a_view_takes_time_in_proportion() -> None:
    for piece in (b'"', b'{"source":["', b"[", b"\\", b"<script>", b'"cells":[{', b"<script"):
        views.notebook(piece * 40_000)
        views.scripts(piece * 40_000)
