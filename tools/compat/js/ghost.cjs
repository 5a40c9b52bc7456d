// Ghost's own client, out of its package: a newsletter, events for opens, suppressions.
const path = require("node:path");
const { url, key, domain, call, packages, done, until } = require("./calls.cjs");

const MailgunClient = packages(path.resolve("ghost/core/server/services/lib/mailgun-client.js"));
const values = {
  mailgun_api_key: key, mailgun_domain: domain, mailgun_base_url: `${url}/v3`,
};
const client = new MailgunClient({
  config: { get: () => undefined }, settings: { get: (name) => values[name] },
});
const recipients = {
  "open@reader.test": { name: "Ann", unsubscribe_url: "https://blog.test/u/1", list_unsubscribe: "https://blog.test/u/1" },
  "bounce@reader.test": { name: "Bob", unsubscribe_url: "https://blog.test/u/2", list_unsubscribe: "https://blog.test/u/2" },
  "complain@reader.test": { name: "Eve", unsubscribe_url: "https://blog.test/u/3", list_unsubscribe: "https://blog.test/u/3" },
};
const letter = (more) => ({
  id: "65f0c0ffee0000000000abcd", from: `Blog <news@${domain}>`, replyTo: `news@${domain}`, subject: "News",
  html: '<p>Hi NAME</p><a href="https://blog.test/">Read</a>', plaintext: "Hi NAME", track_opens: true, ...more,
});
const replacements = [
  { id: "name", format: "html", regexp: /NAME/g }, { id: "name", format: "plaintext", regexp: /NAME/g },
];
const fetch = async (event) => {
  const found = [];
  await client.fetchEvents(
    { limit: 300, event, tags: "ghost-email", begin: Date.now() / 1000 - 3600, ascending: "yes" },
    (events) => { found.push(...events); },
  );
  return found;
};

(async () => {
  await call("send: a newsletter with recipient variables", () => client.send(letter(), recipients, replacements),
    (sent) => sent.id.includes(`@${domain}`));
  await call("fetchEvents: delivered", () => until(async () => {
    const events = await fetch("delivered");
    return events.length >= 2 && events;
  }), (events) => events.every((event) => event.emailId === "65f0c0ffee0000000000abcd" && event.providerId));
  await call("fetchEvents: opened", () => until(async () => (await fetch("opened"))[0]),
    (event) => event.recipientEmail === "open@reader.test");
  await call("fetchEvents: failed, with the error", () => until(async () => (await fetch("failed"))[0]),
    (event) => event.severity === "permanent" && event.error.enhancedCode === "5.1.1");
  await call("fetchEvents: complained", () => until(async () => (await fetch("complained"))[0]),
    (event) => event.recipientEmail === "complain@reader.test");
  await call("fetchEvents: several kinds at once", () => fetch("delivered OR opened OR failed OR unsubscribed OR complained"),
    (events) => new Set(events.map((event) => event.type)).size >= 4);
  await call("removeBounce", () => until(() => client.removeBounce("bounce@reader.test")));
  await call("removeComplaint", () => until(() => client.removeComplaint("complain@reader.test")));
  await call("send: a Message-Id for each recipient", () => client.send(
    letter({ id: "65f0c0ffee0000000000abce", perRecipientMessageId: true }), { "ann@reader.test": { name: "Ann" } }, replacements,
  ), (sent) => sent.id === null);
  done();
})();
