"""The template engine: what Handlebars says, and what hostile templates get."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from py_mini_racer import MiniRacer

import postwright.templates
from postwright.templates import CannotRender, Renderer, RenderFailed
from postwright.templates.render import OUTPUT_LIMIT, Job

FOLDER = Path(postwright.templates.__file__).parent


@pytest.fixture(scope="module")
def engine() -> Any:
    made = Renderer()
    yield made
    made.close()


async def _fill(engine: Renderer, source: str, escape: bool = True, **data: Any) -> str:
    return (await engine.render([Job(source, json.dumps(data), escape)]))[0]


SEMANTICS = [
    ("{{x}} {{{x}}} {{&x}}", {"x": "<b> & \"'"}, "&lt;b&gt; &amp; &quot;&#x27; <b> & \"' <b> & \"'"),
    ("{{a.b.c}}|{{a.[b].c}}|{{a/b/c}}|{{nope.b}}", {"a": {"b": {"c": 1}}}, "1|1|1|"),
    ("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", {"b": 1}, "B"),
    ("{{#if a}}A{{else if b}}B{{else}}C{{/if}}", {}, "C"),
    ("{{#if a}}A{{^}}B{{/if}}", {"a": []}, "B"),
    ("{{#if a}}A{{else}}B{{/if}}", {"a": "false"}, "A"),
    ("{{#if a}}A{{else}}B{{/if}}", {"a": 0}, "B"),
    ("{{#unless paid}}pay{{else}}thanks{{/unless}}", {"paid": False}, "pay"),
    ("{{#each l}}{{@index}}:{{this}}{{#unless @last}},{{/unless}}{{/each}}", {"l": ["a", "b"]}, "0:a,1:b"),
    ("{{#each l}}x{{else}}none{{/each}}", {"l": []}, "none"),
    ("{{#each o}}{{@key}}={{this}};{{/each}}", {"o": {"x": 1, "y": 2}}, "x=1;y=2;"),
    ("{{#each l}}{{n}}{{../s}}{{@root.s}} {{/each}}", {"l": [{"n": 1}, {"n": 2}], "s": "!"}, "1!! 2!! "),
    ("{{#each l as |v i|}}{{i}}{{v}}{{/each}}", {"l": ["a"]}, "0a"),
    ("{{#with o}}{{p}}{{/with}}{{#with no}}x{{else}}y{{/with}}", {"o": {"p": "P"}}, "Py"),
    ("{{#equal n '1'}}eq{{else}}ne{{/equal}}", {"n": 1}, "eq"),
    ("{{#equal a b}}eq{{else}}ne{{/equal}}", {"a": "x", "b": "y"}, "ne"),
    ("{{#if (equal a 'x')}}eq{{/if}}", {"a": "x"}, "eq"),
    ("{{#list}}{{x}}{{/list}}{{^no}}none{{/no}}", {"list": [{"x": 1}, {"x": 2}]}, "12none"),
    ("{{! gone }}{{!-- gone --}}a {{~x~}} b", {"x": 1}, "a1b"),
    (r"\{{x}} %recipient.x% {{lookup l 1}}", {"l": [1, 2]}, "{{x}} %recipient.x% 2"),
    ("{{x}}{{n}}{{b}}{{l}}", {"x": None, "n": 0, "b": False, "l": [1, 2]}, "0false1,2"),
    ("{{x}} ü€😀", {"x": "\u2028ß😀"}, "\u2028ß😀 ü€😀"),
]


@pytest.mark.parametrize(("source", "data", "wanted"), SEMANTICS)
async def test_it_is_handlebars(engine: Renderer, source: str, data: dict, wanted: str) -> None:
    assert await _fill(engine, source, **data) == wanted


async def test_headers_are_not_escaped(engine: Renderer) -> None:
    assert await _fill(engine, "{{x}}", False, x="A & B") == "A & B"
    assert await _fill(engine, "{{x}}", True, x="A & B") == "A &amp; B"


LONG = list(range(3000))
ABUSE = [
    ("endless", "{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}", {"a": LONG}, "500 ms"),
    ("empty", "{{#each a}}{{#each ../a}}{{#each @root.a}}{{/each}}{{/each}}{{/each}}", {"a": LONG}, "500 ms"),
    ("giant", "{{#each a}}{{#each ../a}}{{@root.s}}{{/each}}{{/each}}", {"a": LONG, "s": "x" * 10_000}, "large|500"),
    ("large", "{{#each a}}{{@root.s}}{{/each}}", {"a": LONG[:300], "s": "x" * 10_000}, "too large"),
    ("deep", "{{#if a}}" * 8000 + "{{/if}}" * 8000, {"a": 1}, "rendered"),
    ("partial", "{{> other}}", {}, "partial other could not be found"),
    ("recursive partial", '{{#*inline "a"}}x{{> a}}{{/inline}}{{> a}}', {}, "decorator"),
    ("unknown helper", "{{upper name}}", {"name": "x"}, "unknown helper upper"),
    ("log", "{{log 'x'}}", {}, "unknown helper log"),
    ("not closed", "{{#if a}}", {"a": 1}, "Parse error"),
    ("constructor", '{{constructor.constructor "return 1"}}', {}, "unknown helper"),
    ("define", '{{__defineGetter__ "x" 1}}', {}, "unknown helper"),
    ("hook", "{{#blockHelperMissing}}x{{/blockHelperMissing}}", {}, "rendered"),
    ("string of an object", "{{{a}}}", {"a": {"toString": "x", "valueOf": "y"}}, "rendered"),
    (
        "the published escape",
        '{{#with "s" as |string|}}{{#with "e"}}{{#with split as |conslist|}}{{this.pop}}'
        '{{this.push (lookup string.sub "constructor")}}{{this.pop}}{{#with string.split as |codelist|}}'
        '{{this.pop}}{{this.push "return 7*6"}}{{this.pop}}{{#each conslist}}'
        "{{#with (string.sub.apply 0 codelist)}}{{this}}{{/with}}{{/each}}{{/with}}{{/with}}{{/with}}{{/with}}",
        {},
        "unknown helper",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "data", "why"), ABUSE, ids=[case[0] for case in ABUSE])
async def test_abuse_is_refused_and_leaves_nothing(
    engine: Renderer, name: str, source: str, data: dict, why: str
) -> None:
    with pytest.raises(RenderFailed, match=why):
        await _fill(engine, source, **data)
    assert await _fill(engine, "{{x}}", x=name) == name


PROBES = [
    "{{constructor}}{{__proto__}}{{toString}}{{hasOwnProperty}}{{a.__proto__.x}}{{a.constructor.name}}",
    '{{lookup a "constructor"}}{{lookup (lookup a "constructor") "name"}}{{lookup this "__proto__"}}',
    '{{#with (lookup a "constructor")}}{{name}}{{/with}}{{@root.__lookupGetter__}}{{a.toString.constructor}}',
    "{{#each s.constructor}}x{{/each}}{{s.length.constructor}}{{l.map.constructor.name}}{{this.constructor}}",
    "{{globalThis}}{{globalThis.render}}{{Handlebars.VERSION}}{{process.env.PATH}}{{@partial-block}}",
]


@pytest.mark.parametrize("source", PROBES)
async def test_what_is_not_data_is_not_there(engine: Renderer, source: str) -> None:
    assert await _fill(engine, source, a={}, s="text", l=[1]) == ""


def test_the_realm_is_frozen_and_has_no_way_out() -> None:
    """Even code that did run could change nothing for the next tenant, and reach nothing."""
    isolate = MiniRacer()
    for name in ("handlebars.min.js", "engine.js"):
        isolate.eval((FOLDER / name).read_text())
    for target in ("Object.prototype", "Array.prototype", "Function.prototype", "String.prototype", "JSON"):
        assert isolate.eval(f"Object.isFrozen({target})") is True
    for name in ("require", "process", "Handlebars", "fetch", "setTimeout", "WebAssembly", "Atomics"):
        assert isolate.eval(f"typeof globalThis.{name}") == "undefined"
    isolate.close()


async def test_the_loop_goes_on_while_a_template_hangs(engine: Renderer) -> None:
    source, data = ABUSE[0][1], ABUSE[0][2]
    job = asyncio.create_task(_fill(engine, source, **data))
    turns = 0
    while not job.done():
        turns += 1
        await asyncio.sleep(0.005)
    assert turns > 10
    with pytest.raises(RenderFailed):
        await job


async def test_more_templates_than_are_kept(engine: Renderer) -> None:
    for turn in range(2):
        for n in range(220):
            assert await _fill(engine, f"{n} {{{{x}}}}", x=turn) == f"{n} {turn}"
    assert engine._worker is not None and len(engine._worker._known) == 200


async def test_text_without_holes_costs_nothing_and_is_bounded() -> None:
    bare = Renderer()
    assert await _fill(bare, "no holes") == "no holes"
    assert bare._worker is None
    with pytest.raises(RenderFailed):
        await _fill(bare, "x" * (OUTPUT_LIMIT + 1))
    bare.close()


async def test_a_line_of_waiting_jobs_has_an_end(engine: Renderer) -> None:
    jobs = [asyncio.create_task(_fill(engine, "{{x}}", x=n)) for n in range(250)]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert done[:200] == [str(n) for n in range(200)]
    assert {type(each) for each in done[200:]} == {CannotRender}


async def test_without_handlebars_it_says_so(tmp_path: Path) -> None:
    bare = Renderer(tmp_path)
    with pytest.raises(CannotRender, match="handlebars is not installed"):
        await _fill(bare, "{{x}}", x=1)
    bare.close()


async def test_a_worker_that_breaks_is_replaced(engine: Renderer) -> None:
    assert await _fill(engine, "{{x}}", x=1) == "1"
    assert engine._worker is not None
    engine._worker._process.kill()
    engine._worker._process.wait()
    assert await _fill(engine, "{{x}}", x=2) == "2"


async def test_a_worker_that_breaks_while_it_renders(tmp_path: Path) -> None:
    (tmp_path / "handlebars.min.js").touch()
    (tmp_path / "worker.py").write_text(
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\2{}'); sys.stdout.flush(); sys.stdin.buffer.read(8)"
    )
    broken = Renderer(tmp_path)
    for _ in range(2):
        with pytest.raises(RenderFailed, match="breaks the template engine"):
            await _fill(broken, "{{x}}", x=1)
    broken.close()


async def test_a_worker_that_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "handlebars.min.js").touch()
    (tmp_path / "worker.py").write_text("raise SystemExit(1)")
    broken = Renderer(tmp_path)
    with pytest.raises(CannotRender):
        await _fill(broken, "{{x}}", x=1)
    broken.close()
