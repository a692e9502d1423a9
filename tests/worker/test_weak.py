"""A question none of whose words is known is answered with what is nearest, and that is said to be likely none."""

from __future__ import annotations

from pathlib import Path

import anyio
from tests.worker.services import serving

from lowtide.models import Mode
from lowtide.read.request import SearchRequest
from lowtide.serve.service import Service

TEXT = {
    "retry.py": "def retry_request(attempts):\n    '''Send it again until it is answered.'''\n    return attempts\n",
    "hashers.py": "def bcrypt_sha256(password):\n    '''$2b$12$QxzvWpKqJf, a password.'''\n    return password\n",
    "AUTHORS": "Gromit Flurban\nWibke Frotz\nQuentin Brox\nZacharias Vogelsang\n",
    "tr.po": 'msgid "January"\nmsgstr "ocak"\n\nmsgid "monthly"\nmsgstr "aylık gromadzić"\n',
}


def test_what_is_asked_in_words_that_are_nowhere_is_weak(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for name, text in TEXT.items():
        (root / name).write_text(text)

    async def signals(service: Service, query: str, mode: Mode = Mode.HYBRID) -> tuple[bool, bool]:
        """Whether the question was strange, and whether every hit is weak."""
        ((_, answer),) = await service.search(SearchRequest(query, mode=mode), [root])
        assert answer.hits
        return all("strange" in hit.signals for hit in answer.hits), all(hit.weak for hit in answer.hits)

    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            for query in ("zxqv blorp", "the zxqv of blorp", "flurbnax gromtik", "wibblefrotz 7", "qwrtpsd"):
                assert await signals(service, query) == (True, True), query
            assert (await signals(service, "retry zxqv"))[0] is False
            assert await signals(service, "retry a request") == (False, False)
            assert (await signals(service, "zxqv", Mode.SEMANTIC))[0] is False, "no word was looked up"
            (root / "new.py").write_text("def blorp_of():\n    return 1\n")
            await service.wait_idle(root)
            with anyio.fail_after(60):
                while (await signals(service, "blorp"))[0]:
                    await anyio.sleep(0.01)

    anyio.run(main)
