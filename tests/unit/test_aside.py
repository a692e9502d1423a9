"""Which files are tests, and which only show or measure, by the habits of many languages."""

from __future__ import annotations

import pytest

from lowtide.core.aside import is_aside, is_test

TESTS = [
    "tests/model.py",
    "pkg/test_model.py",
    "net/http/server_test.go",
    "web/src/button.spec.ts",
    "web/__tests__/button.js",
    "src/test/java/org/shop/CartTest.java",
    "app/src/androidTest/java/CartRobot.kt",
    "core/commonTest/kotlin/Flows.kt",
    "src/Quartz.Tests.Unit/Clock.cs",
    "test/Polly.Specs/Retry/RetryHelper.cs",
    "Tests/KingfisherTests/Cache.swift",
    "IntegrationTests/run.sh",
    "Sources/CacheTests.swift",
    "spec/models/cart_spec.rb",
    "lib/cart_spec.rb",
    "jvm/test-resources/stack.txt",
    "tests/Framework/TestCaseTest.php",
    "src/CartSpec.scala",
    "go/testdata/broken.go",
    "conftest.py",
]
SHOWN = [
    "examples/shop.rs",
    "samples/android/src/Main.kt",
    "src/Quartz.Examples.AspNetCore/Program.cs",
    "benchmarks/a.kt",
]
NEITHER = [
    "src/Framework/TestCase/Runner.php",
    "lib/latest/load.py",
    "contest/round.py",
    "src/attestation/sign.rs",
    "src/LatestNews.java",
    "inspection/spectrum.c",
    "demonstrate.py",
]


@pytest.mark.parametrize("path", TESTS)
def test_a_test_is_known_by_its_folder_or_its_name(path: str) -> None:
    assert is_test(path)
    assert is_aside(path)


@pytest.mark.parametrize("path", SHOWN)
def test_what_shows_or_measures_stands_aside_and_is_no_test(path: str) -> None:
    assert not is_test(path)
    assert is_aside(path)


@pytest.mark.parametrize("path", NEITHER)
def test_words_that_only_hold_these_letters_are_none_of_it(path: str) -> None:
    assert not is_aside(path)
