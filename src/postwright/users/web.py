"""The page behind the links that people get: they choose a password, and are told how to go on."""

from html import escape

from postwright.kernel.http import PUBLIC, Controller, Raw, get

from .service import WELCOME_PAGE

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:12vh auto 0;padding:0 1.25rem;"
    "color:#1b1b1f;background:#fff}label{display:block;margin:1rem 0 .25rem}"
    "input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #777;border-radius:.3rem}"
    "button{font:inherit;margin-top:1.25rem;padding:.6rem 1.25rem;border:0;border-radius:.4rem;"
    "background:#1b4dd1;color:#fff;cursor:pointer}:focus-visible{outline:3px solid #f2a900;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#16171a;color:#f1f1f4}}"
)
# One script of our own, calls to ourselves, and no other page may frame it.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Choose a password</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">
<style>{_STYLE}</style><script src="{escape(WELCOME_PAGE)}.js" defer></script></head>
<body><main><h1>Choose a password</h1><p id="about" role="status">One moment…</p>
<form id="form" hidden>
<label for="password">Password</label>
<input id="password" type="password" autocomplete="new-password" required minlength="10">
<label for="again">The same again</label>
<input id="again" type="password" autocomplete="new-password" required>
<button type="submit">Save</button></form></main>
<noscript>This page needs JavaScript.</noscript></body></html>
"""
# The token stands behind the # of the address, and goes from there into bodies: no log has it.
_SCRIPT = """"use strict";
const link = "/postwright/v1/session/link";
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
const form = document.getElementById("form"), about = document.getElementById("about");
const say = (text) => { about.textContent = text; };
async function ask(path, given) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(given),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message || "That did not work. Please try again.");
  return body;
}
async function begin() {
  try {
    const found = await ask(link + "/show", { token });
    say("For " + found.email);
    form.hidden = false;
    document.getElementById("password").focus();
  } catch (problem) { say(problem.message); }
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = document.getElementById("password").value;
  if (password !== document.getElementById("again").value) { say("The two are not the same."); return; }
  try {
    await ask(link, { token, password });
    form.hidden = true;
    history.replaceState(null, "", location.pathname);
    say("Your password is set. You can sign in with it now.");
  } catch (problem) { say(problem.message); }
});
begin();
"""


class Welcome(Controller):
    """Where links to choose a password lead."""

    @get(WELCOME_PAGE, id="welcome.page", access=PUBLIC)
    async def page(self) -> Raw:
        """Show the page on which the reader of a link chooses a password."""
        headers = {
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return Raw(_PAGE.encode(), "text/html; charset=utf-8", headers=headers)

    @get(WELCOME_PAGE + ".js", id="welcome.script", access=PUBLIC)
    async def script(self) -> Raw:
        """Give the page's script."""
        headers = {"x-content-type-options": "nosniff", "cache-control": "no-cache"}
        return Raw(_SCRIPT.encode(), "text/javascript; charset=utf-8", headers=headers)


CONTROLLERS = (Welcome,)
