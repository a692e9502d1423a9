"""What a question is: a name, a sentence, or something pasted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.asked import LOOKED_AT, MOST_FRAMES, MOST_NAMES, Kind, Name, understand

PYTHON = """Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/django/core/handlers/base.py", line 113, in get_response
    response = wrapped_callback(request)
  File "/home/eve/shop/app/views.py", line 12, in index
    return basket["total"]
KeyError: 'total'"""
NODE = """TypeError: Cannot read properties of undefined (reading 'x')
    at Object.render (/srv/app/src/view.js:12:5)
    at async Server.listen (file:///srv/app/src/server.js:40:2)"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: Queue full
\tat com.foo.queue.Bounded.add(Bounded.java:98)
\tat com.foo.Main$1.run(Main.java:12)"""
GO = """panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.(*Ring).At(0xc000, 0x3)
\t/home/eve/src/ring.go:12 +0x1d"""
RUST = """thread 'main' panicked at src/ring.rs:4:5:
index out of bounds: the len is 3 but the index is 99
stack backtrace:
   1: app::ring::at
             at ./src/ring.rs:12:5"""
GDB = """#0  ring_at (ring=0x0, n=3) at src/ring.c:120
#1  0x0000555 in main (argc=1) at main.c:3"""
RUBY = """app/ring.rb:12:in 'Ring#at': index 3 out of range (IndexError)
\tfrom app/main.rb:3:in `<main>'"""
PHP = """PHP Fatal error:  Uncaught RangeException: index 3 in /srv/app/src/Ring.php:12
Stack trace:
#0 /srv/app/src/Main.php(3): App\\Ring->at()"""
DOTNET = """System.InvalidOperationException: Queue full
   at Shop.Queue.Add(Order order) in /src/Shop/Queue.cs:line 98"""


@pytest.mark.parametrize(
    ("query", "own", "outer"),
    [
        ("Mux", "Mux", ()),
        ("parse()", "parse", ()),
        ("Parser.parse(", "parse", ("Parser",)),
        ("absl::StrSplit", "StrSplit", ("absl",)),
        ("(*Server).ListenAndServe", "ListenAndServe", ("Server",)),
        ("def foo", "foo", ()),
        ("class HttpResponse", "HttpResponse", ()),
        ("tests/test_app.py::TestX::test_parse[1-a]", "test_parse", ("TestX",)),
        ("TestServer/with_timeout", "TestServer", ()),
        ("testBaz(com.foo.BarTest)", "testBaz", ("BarTest",)),
        ("BarTest > testBaz() FAILED", "testBaz", ("BarTest",)),
        ("valid?", "valid?", ()),
    ],
)
def test_a_name_is_one_however_it_is_written(query: str, own: str, outer: tuple[str, ...]) -> None:
    asked = understand(query)
    assert (asked.kind, asked.names) == (Kind.NAME, (Name(own, outer),))


@pytest.mark.parametrize(
    ("query", "is_test"),
    [
        ("test_parse", True),
        ("TestParse", True),
        ("ParserTest.parses", True),
        ("contest", False),
        ("Attestation", False),
    ],
)
def test_the_name_of_a_test_asks_for_tests(query: str, is_test: bool) -> None:
    assert understand(query).asks_for_tests == is_test


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("how does Blueprint register a route", ["Blueprint"]),
        ("absl::flat_hash_map and flat_hash_set", ["flat_hash_map", "flat_hash_set"]),
        ("what calls close() on `conn`", ["close", "conn"]),
        ("Where is the retry counted? In which file?", []),
        ("how are routes registered", []),
    ],
)
def test_a_sentence_names_what_is_shaped_as_an_identifier(query: str, names: list[str]) -> None:
    asked = understand(query)
    assert asked.kind is Kind.SENTENCE
    assert [name.own for name in asked.names] == names


@pytest.mark.parametrize(
    ("query", "gist"),
    [
        ("feat(parser): support trailing commas (#123)", "support trailing commas"),
        ("Fixed #3455 -- Made admin log queries lazy.", "Made admin log queries lazy."),
        ("PROJ-12: rename the queue", "rename the queue"),
        ("[net] do not wait for the last packet", "do not wait for the last packet"),
    ],
)
def test_the_subject_of_a_commit_is_asked_without_its_labels(query: str, gist: str) -> None:
    asked = understand(query)
    assert asked.kind in (Kind.SENTENCE, Kind.ACTION)
    assert asked.gist == gist


@pytest.mark.parametrize(
    ("query", "runs"),
    [
        ("could not open /tmp/x/y.db: no such file", ["could not open", "no such file"]),
        ("2026-01-01 12:00:00,123 ERROR worker 3 lost 10.0.0.3:5432", ["ERROR worker", "lost"]),
        ("ValueError: base must be >= 2 and <= 36", ["ValueError: base must be >=", "and <="]),
        ("Jan  1 12:00:00 host kernel: CPU 3 is stuck", ["host kernel: CPU", "is stuck"]),
    ],
)
def test_a_message_is_compared_without_what_one_run_gave(query: str, runs: list[str]) -> None:
    asked = understand(query)
    assert asked.kind is Kind.MESSAGE
    assert [run.strip(" :") for run in asked.runs if run.strip(" :")][-len(runs) :] == runs


@pytest.mark.parametrize(
    ("trace", "frames", "runs"),
    [
        (PYTHON, [("app/views.py", 12, "index"), ("handlers/base.py", 113, "get_response")], "KeyError: 'total'"),
        (NODE, [("src/view.js", 12, "Object.render"), ("src/server.js", 40, "Server.listen")], "Cannot read"),
        (
            JAVA,
            [("Bounded.java", 98, "com.foo.queue.Bounded.add"), ("Main.java", 12, "com.foo.Main.run")],
            "Queue full",
        ),
        (GO, [("src/ring.go", 12, "")], "index out of range"),
        (RUST, [("src/ring.rs", 4, ""), ("src/ring.rs", 12, "")], "index out of bounds"),
        (GDB, [("src/ring.c", 120, "ring_at"), ("main.c", 3, "main")], ""),
        (RUBY, [("app/ring.rb", 12, "at")], ""),
        (PHP, [("src/Main.php", 3, "at")], "index"),
        (DOTNET, [("Shop/Queue.cs", 98, "Shop.Queue.Add")], "Queue full"),
    ],
)
def test_a_stack_trace_leads_to_its_frames(trace: str, frames: list[tuple[str, int, str]], runs: str) -> None:
    asked = understand(trace)
    assert asked.kind is Kind.TRACE
    found = [(frame.path, frame.line, frame.function) for frame in asked.frames][: len(frames)]
    assert [(line, function) for _, line, function in found] == [(line, function) for _, line, function in frames]
    assert all(path.endswith(end) for (path, _, _), (end, _, _) in zip(found, frames, strict=True))
    assert runs in " ".join(asked.runs)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("Return the names of all open files", Kind.ACTION),
        ("returns whether a token has expired", Kind.ACTION),
        ("raise an error when HTTPServer is not there", Kind.ACTION),
        ("stop the listener as soon as the last client has gone", Kind.ACTION),
        ("how is the retry counted", Kind.SENTENCE),
        ("request routing and context storage", Kind.SENTENCE),
        ("ValueError: return code 3", Kind.MESSAGE),
    ],
)
def test_what_one_thing_does_is_no_topic(query: str, kind: Kind) -> None:
    asked = understand(query)
    assert (asked.kind, asked.names) == (kind, ())


def test_the_function_of_a_frame_is_looked_up_by_name() -> None:
    assert Name("index") in understand(PYTHON).names
    assert Name("render", ("Object",)) in understand(NODE).names


@pytest.mark.parametrize(
    ("query", "line"), [("src/flask/app.py", 1), ("src/flask/app.py:120", 120), ("./a/b.rs:3:7", 3)]
)
def test_a_path_is_a_place(query: str, line: int) -> None:
    (frame,) = understand(query).frames
    assert frame.line == line


def test_terms_help_by_their_words_and_as_names() -> None:
    asked = understand("one row, two writers", ["compareAndSwap", "lost update"], ["two at once"])
    assert asked.gist == "one row, two writers\ntwo at once\ncompareAndSwap\nlost update"
    assert asked.guessed == (Name("compareAndSwap"),)


@given(
    st.text(max_size=400)
    | st.sampled_from((PYTHON, NODE, JAVA, GO, RUST, GDB, RUBY, PHP, DOTNET)).map(lambda t: t[::-1])
)
def test_anything_is_understood(text: str) -> None:
    asked = understand(text)
    assert asked.gist.strip() or not text.strip()
    assert len(asked.names) <= MOST_NAMES
    assert len(asked.frames) <= MOST_FRAMES


@pytest.mark.parametrize(
    "piece",
    [
        'File "a", line 1, in x\n',
        "at a.b(c.java:1)\n",
        "/a/b.c:1\n",
        "a.b:",
        "#1 x (",
        "- ",
        "'",
        "A_",
        "\n",
        " ",
        "\n at ",
        "a/",
        "0x1 ",
    ],
)
def test_a_long_paste_is_read_in_time_proportional_to_it(piece: str) -> None:
    import time

    def seconds(text: str) -> float:
        started = time.thread_time()
        understand(text)
        return time.thread_time() - started

    half = piece * (LOOKED_AT // 2 // len(piece))
    seconds(half)
    assert seconds(2 * half) < 4 * seconds(half) + 0.1
