// Drives mailgun.js as programs do; prints one JSON object of what came back.
import { createRequire } from "node:module";

// The packages are in the working directory, which is not the folder of this file.
const require = createRequire(process.cwd() + "/");
const Mailgun = require("mailgun.js").default ?? require("mailgun.js");
const FormData = require("form-data");
const [url, key, domain, receiver] = process.argv.slice(2);
const mg = new Mailgun(FormData).client({ username: "api", key, url });
const from = `Ann <ann@${domain}>`;
const refused = (promise) => promise.then(() => null, (error) => [error.status, error.details]);
const seen = {};

seen.text = await mg.messages.create(domain, {
  from, to: ["bob@example.net", "eve@example.org"], subject: "text", text: "Grüße",
  "o:tag": ["one", "two"], "v:number": 42,
});
seen.files = await mg.messages.create(domain, {
  from, to: "bob@example.net", subject: "files", html: "<p>x</p>",
  attachment: [
    { data: Buffer.from([0, 1, 2, 255]), filename: "ä.bin" },
    { data: "plain", filename: "b.txt", contentType: "text/plain" },
  ],
});
const mime = (subject) => `From: ${from}\r\nTo: bob@example.net\r\nSubject: ${subject}\r\n\r\nHello\r\n`;
seen.mimeString = await mg.messages.create(domain, { to: "bob@example.net", message: mime("mime string") });
seen.mimeBuffer = await mg.messages.create(domain, {
  to: "bob@example.net", message: Buffer.from(mime("mime buffer")),
});
seen.noBody = await refused(mg.messages.create(domain, { from, to: "bob@example.net", subject: "x" }));
seen.noDomain = await refused(
  mg.messages.create("unknown.example", { from, to: "bob@example.net", subject: "x", text: "x" }),
);
const stranger = new Mailgun(FormData).client({ username: "api", key: "wrong", url });
seen.noKey = await refused(stranger.messages.create(domain, { from, to: "b@example.net", text: "x" }));

// Pages until there is nothing, by the links that the client parses.
seen.pages = [];
let page = await mg.events.get(domain, { limit: 2, event: "accepted", ascending: "yes" });
while (page.items.length && seen.pages.length < 20) {
  seen.pages.push(page.items.map((event) => event.id));
  page = await mg.events.get(domain, { page: page.pages.next.page });
}

seen.created = (await mg.domains.create({ name: "js.example.com", smtp_password: "long-enough" })).name;
seen.domains = (await mg.domains.list()).map((each) => each.name);
seen.domain = (await mg.domains.get("js.example.com")).state;
seen.destroyed = await mg.domains.destroy("js.example.com");

seen.hook = await mg.webhooks.create(domain, "opened", receiver);
seen.hooks = await mg.webhooks.list(domain);
seen.oneHook = await mg.webhooks.get(domain, "opened");
seen.changedHook = await mg.webhooks.update(domain, "opened", [receiver, receiver + "2"]);
seen.testedHook = await mg.webhooks.create(domain, "clicked", receiver, true);
seen.deletedHook = await mg.webhooks.destroy(domain, "opened");
console.log(JSON.stringify(seen));
