"""The program in which templates are filled: handlebars.js in V8, in a process that has nothing else.

It is run by path, without the rest of the package. A question in JSON comes in on standard input, its answer goes out
on standard output (first of all that it is ready), each behind its length: 4 bytes, big endian. What overruns a limit
ends the process after the answer, because nobody knows in what state it left the isolate.
"""

import json
import resource
import struct
import sys
from pathlib import Path

from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException, MiniRacer

TIME_LIMIT = 0.5  # seconds for one text
MEMORY_LIMIT = 128 * 1024 * 1024  # bytes of V8's heap
OUTPUT_LIMIT = 2 * 1024 * 1024  # characters of one text


def main() -> None:
    """Answer until standard input ends."""
    # Nothing here needs a new file. (A limit on the address space would break V8, which reserves much of it.)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    isolate = MiniRacer()
    for name in ("handlebars.min.js", "engine.js"):
        isolate.eval(Path(__file__).with_name(name).read_text("utf-8"))
    _say({"ready": "yes"})
    while len(size := sys.stdin.buffer.read(4)) == 4:
        question = json.loads(sys.stdin.buffer.read(*struct.unpack(">I", size)))
        answer = fill(isolate, question)
        _say(answer)
        if "last" in answer:
            return


def _say(answer: dict[str, str]) -> None:
    data = json.dumps(answer).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()


def fill(isolate: MiniRacer, question: list[object]) -> dict[str, str]:
    """`output` or `error`, and `last` when the isolate must not be used again."""
    try:
        found: dict[str, str] = isolate.call(
            "render", *question, OUTPUT_LIMIT, timeout_sec=TIME_LIMIT, max_memory=MEMORY_LIMIT
        )
    except JSTimeoutException:
        return {"error": f"it takes more than {int(TIME_LIMIT * 1000)} ms", "last": "yes"}
    except JSOOMException:
        return {"error": "it takes too much memory", "last": "yes"}
    except JSEvalException:
        return {"error": "it is too complex", "last": "yes"}
    return found


if __name__ == "__main__":
    main()
