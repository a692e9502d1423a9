"""A worker process: `python -P -m lowtide.work PARENT_PID NICENESS MODEL`. One task at a time from stdin, answers on
stdout.

Invariant: it ends when its parent does (the kernel's parent-death signal, and the end of stdin), it ignores Ctrl-C (the
parent decides), and nothing but frames is ever written to its stdout.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import BinaryIO

from lowtide import wire
from lowtide.errors import ModuleMissing


def main() -> int:
    """Serve tasks until stdin ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a library that prints must not break the protocol
    source = os.fdopen(os.dup(0), "rb", buffering=1 << 16)

    def send(message: wire.Reply) -> None:
        view = memoryview(wire.frame(message))
        while view:
            view = view[output.write(view) :]

    niceness = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    try:
        _warm(sys.argv[3] if len(sys.argv) > 3 else "", niceness)
    except Exception as error:
        send(wire.Done([], b"", [], 0, 0.0, error=str(error), error_kind=getattr(error, "kind", "error")))
        return 1
    stands_back = not niceness or _stand_back(niceness)
    send(wire.Ready(os.getpid(), wire.BUILD))
    while (body := wire.read_frame(source)) is not None:
        stands_back = stands_back or _stand_back(niceness)
        task = wire.request_decoder.decode(body)
        try:
            send(_run(task, send, source))
        except MemoryError:
            # Nothing is kept of this process: a fresh one is the only sure way back to a known size.
            send(wire.Done([], b"", [], 0, 0.0, error="out of memory", error_kind="memory"))
            return 3
        except BrokenPipeError:
            return 0
        except ImportError as error:
            send(wire.Done([], b"", [], 0, 0.0, error=str(error), error_kind=ModuleMissing.kind))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            send(wire.Done([], b"", [], 0, 0.0, error=text, error_kind=getattr(error, "kind", "error")))
    return 0


def _warm(model: str, niceness: int) -> None:
    """Import and load before the first lease, whose limit counts from here."""
    if niceness:
        os.nice(niceness)
    if model == wire.DOCUMENTS:
        import lowtide.work.documents

        return
    if model == wire.LEXICAL:
        import lowtide.work.lexical  # noqa: F401

        return
    from lowtide.work.index import encoder_for

    if model:
        encoder_for(model)


def _stand_back(niceness: int) -> bool:
    """Have Linux's scheduler count the whole session as less important; False when it must be asked again later.

    A worker has a session of its own. Where sessions are scheduled as groups (sched(7), "The autogroup feature", the
    default on desktops), `nice` only weighs the processes of one session against each other: a worker would get as much
    of a core as an editor with all it runs.
    """
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write(str(niceness))
    except BlockingIOError:
        return False  # without privileges it may be set ten times a second, by all processes together
    except OSError:
        pass
    return True


def _run(task: wire.Request, send: Callable[[wire.Reply], None], source: BinaryIO) -> wire.Done:
    if isinstance(task, wire.IndexTask):
        from lowtide.work.index import index_files

        def ask(hashes: bytes) -> Sequence[int]:
            send(wire.Ask(hashes))
            body = wire.read_frame(source)
            if body is None:
                raise BrokenPipeError
            answer = wire.request_decoder.decode(body)
            assert isinstance(answer, wire.Want)
            return answer.indices

        return index_files(
            task,
            lambda index: send(wire.Started(index, process_time())),
            ask,
            lambda count: send(wire.Embedding(count, process_time())),
        )
    if isinstance(task, wire.EmbedTask):
        from lowtide.work.index import embed_file

        return embed_file(task)
    if isinstance(task, wire.EncodeTask):
        from lowtide.work.index import encoder_for
        from lowtide.work.model.encoder import Side

        encoder = encoder_for(task.model)
        matrix = encoder.encode(task.texts, Side.DOCUMENT if task.document else Side.QUERY)
        return wire.Done([], matrix.tobytes(), list(range(len(task.texts))), encoder.dims, 0.0)
    if isinstance(task, wire.GraphTask):
        from lowtide.work import graph

        return graph.build(task)
    if isinstance(task, wire.PieceTask | wire.TruthTask):
        from lowtide.bulk import pieces

        def alive(rows: int) -> None:
            send(wire.Started(rows, process_time()))

        return pieces.build(task, alive) if isinstance(task, wire.PieceTask) else pieces.find_truth(task, alive)
    if isinstance(task, wire.LexicalTask):
        from lowtide.work import lexical

        return lexical.absorb(task, lambda number: send(wire.Started(number, process_time())))
    if isinstance(task, wire.DocumentTask):
        from lowtide.work import documents

        return documents.read(task)
    raise ValueError(f"unexpected {type(task).__name__}")


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, even in the middle of a parse that holds the GIL."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    if len(sys.argv) > 1 and os.getppid() != int(sys.argv[1]):
        os._exit(0)  # the parent ended before the signal was armed


if __name__ == "__main__":
    sys.exit(main())
