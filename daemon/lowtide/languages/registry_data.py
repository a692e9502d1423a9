"""The languages of documents, data and builds that have a grammar.

Invariant: as for `registry.py`, whose table holds these behind those of programs.
"""

from __future__ import annotations

from lowtide.languages.language import DocStyle, Language

DATA_GRAMMARS: tuple[Language, ...] = (
    Language(
        "html",
        "tree_sitter_html",
        extensions=(".html", ".htm", ".xhtml"),
        doc_style=DocStyle.NONE,
        line_comments=(),
        block_comments=(("<!--", "-->"),),
        methods=False,
        is_data=True,
    ),
    Language(
        "css",
        "tree_sitter_css",
        extensions=(".css",),
        comment_types=("comment", "js_comment"),
        line_comments=(),
        methods=False,
        is_data=True,
    ),
    Language(
        "json",
        "tree_sitter_json",
        extensions=(".json", ".jsonc", ".webmanifest", ".code-workspace"),
        filenames=(".babelrc", ".eslintrc", ".prettierrc", "composer.lock"),
        doc_style=DocStyle.NONE,
        methods=False,
        memory_factor=46.0,
        scan_depth=1,
        is_data=True,
    ),
    Language(
        "yaml",
        "tree_sitter_yaml",
        extensions=(".yaml", ".yml"),
        filenames=(".clang-format", ".clang-tidy"),
        line_comments=("#",),
        block_comments=(),
        methods=False,
        memory_factor=40.0,
        scan_depth=1,
        is_data=True,
    ),
    Language(
        "toml",
        "tree_sitter_toml",
        extensions=(".toml",),
        filenames=("Cargo.lock", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile", "Gopkg.lock"),
        line_comments=("#",),
        block_comments=(),
        methods=False,
        scan_depth=1,
        memory_factor=30.0,
        is_data=True,
    ),
    Language(
        "markdown",
        "tree_sitter_markdown",
        extensions=(".md", ".markdown", ".mdx"),
        comment_types=(),
        doc_style=DocStyle.NONE,
        line_comments=(),
        block_comments=(),
        methods=False,
        memory_factor=48.0,
        is_data=True,
    ),
    Language(
        "hcl",
        "tree_sitter_hcl",
        extensions=(".hcl", ".tf", ".tfvars", ".nomad"),
        line_comments=("#", "//"),
        methods=False,
        scan_depth=2,
        memory_factor=57.0,
        is_data=True,
    ),
    Language(
        "make",
        "tree_sitter_make",
        extensions=(".mk", ".mak"),
        filenames=("Makefile", "makefile", "GNUmakefile", "Kbuild"),
        interpreters=("make",),
        line_comments=("#",),
        block_comments=(),
        methods=False,
        rewrites=(
            (
                r"\$[({]([\w.,-]+)[)}](?=(?:[^\s:=#$]|\$[({][\w.,-]+[)}]){0,200}[ \t]*(?:[:+?!]|::)?=)",
                r"__\1_",
            ),
            (r"\$[({]([@<^?*+|])(?:[DF]|:[^(){}\n]*)[)}]", r"$\1"),
        ),
    ),
)
