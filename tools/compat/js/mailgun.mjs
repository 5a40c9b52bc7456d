// mailgun.js, client by client.
import calls from "./calls.cjs";

const { url, key, domain, call, packages, done, until } = calls;
const Mailgun = packages("mailgun.js").default ?? packages("mailgun.js");
const mg = new Mailgun(packages("form-data")).client({ username: "api", key, url });
const from = `Ann <ann@${domain}>`;
const other = "compat.example.net";
const has = (...names) => (found) => names.every((name) => found[name] !== undefined);
const ok = (found) => found.status === 200 || Boolean(found.message);

await call("messages.create", () => mg.messages.create(domain, {
  from, to: ["bob@example.net", "Eve <eve@example.org>"], subject: "Hi", text: "Grüße", html: "<a href='https://x.test/'>x</a>",
  "o:tag": ["compat"], "v:id": "7", attachment: [{ data: Buffer.from("a"), filename: "a.txt" }],
}), (sent) => sent.message === "Queued. Thank you.");
await call("messages.create: MIME", () => mg.messages.create(domain, {
  to: "bob@example.net", message: `From: ${from}\r\nTo: bob@example.net\r\nSubject: MIME\r\n\r\nHello\r\n`,
}), (sent) => sent.message === "Queued. Thank you.");
await call("events.get", () => until(async () => {
  const page = await mg.events.get(domain, { limit: 1, event: "delivered" });
  return page.items.length ? page : null;
}), (page) => page.pages.next.page);
await call("stats.getDomain", () => mg.stats.getDomain(domain, { event: ["accepted", "delivered"], duration: "1d" }), has("stats"));
await call("stats.getAccount", () => mg.stats.getAccount({ event: ["accepted"], duration: "1d" }), has("stats"));
await call("metrics.getAccount", () => mg.metrics.getAccount({
  resolution: "day", duration: "7d", dimensions: ["time"], metrics: ["accepted_count", "delivered_count"],
  pagination: { limit: 10, skip: 0 }, include_aggregates: true,
}), has("items", "pagination"));
await call("metrics.getAccountUsage", () => mg.metrics.getAccountUsage({
  resolution: "day", duration: "7d", dimensions: ["time"], metrics: ["processed_count"], pagination: { limit: 10 },
}), has("items"));
const now = Date.now();
await call("logs.list", () => mg.logs.list({
  start: new Date(now - 864e5), end: new Date(now + 6e4), events: ["accepted"], pagination: { limit: 10 },
}), has("items"));
await call("bounceClassification.list", () => mg.bounceClassification.list({
  start: new Date(now - 864e5), end: new Date(now), dimensions: ["domain.name"],
  metrics: ["classified_failures_count"], pagination: { limit: 10 },
}), has("items"));
await call("tags.list", () => until(async () => {
  const found = await mg.tags.list({ pagination: { limit: 10 } });
  return found.items.length ? found : null;
}), has("items"));
await call("tags.limits", () => mg.tags.limits(), has("limit"));
await call("tags.update", () => mg.tags.update("compat", "for tests"), ok);
for (const [name, args] of [["list", []], ["get", ["compat"]], ["update", ["compat", "again"]],
  ["statistic", ["compat", { event: "accepted" }]], ["countries", ["compat"]], ["providers", ["compat"]], ["devices", ["compat"]]]) {
  await call(`domains.domainTags.${name}`, () => mg.domains.domainTags[name](domain, ...args));
}

await call("domains.create", () => mg.domains.create({ name: other, smtp_password: "long-enough-1" }), (made) => made.name === other);
await call("domains.list", () => mg.domains.list(), (found) => found.length >= 2);
await call("domains.get", () => mg.domains.get(other), (found) => found.state);
await call("domains.update", () => mg.domains.update(other, { spam_action: "tag" }), (found) => found.spam_action === "tag");
await call("domains.verify", () => mg.domains.verify(other), (found) => found.name === other);
await call("domains.getConnection", () => mg.domains.getConnection(other));
await call("domains.updateConnection", () => mg.domains.updateConnection(other, { require_tls: true, skip_verification: false }));
await call("domains.domainTracking.getTracking", () => mg.domains.domainTracking.getTracking(other), has("open", "click"));
for (const kind of ["open", "click"]) {
  await call(`domains.domainTracking.updateTracking: ${kind}`, () => mg.domains.domainTracking.updateTracking(other, kind, { active: true }), ok);
}
await call("domains.domainTracking.updateTracking: unsubscribe", () => mg.domains.domainTracking.updateTracking(other, "unsubscribe", {
  active: true, html_footer: "<p>x</p>", text_footer: "x",
}), ok);
await call("domains.getIps", () => mg.domains.getIps(other), Array.isArray);
await call("domains.updateDKIMAuthority", () => mg.domains.updateDKIMAuthority(other, { self: "true" }));
await call("domains.updateDKIMSelector", () => mg.domains.updateDKIMSelector(other, { dkimSelector: "compat" }), ok);
await call("domains.updateWebPrefix", () => mg.domains.updateWebPrefix(other, { webPrefix: "mail" }), ok);
await call("domains.domainKeys.listAll", () => mg.domains.domainKeys.listAll({ limit: 10 }), has("items"));
await call("domains.domainKeys.create", () => mg.domains.domainKeys.create({ signingDomain: other, selector: "two", bits: 2048 }));
await call("domains.domainKeys.list", () => mg.domains.domainKeys.list(other), has("items"));
await call("domains.domainKeys.activate", () => mg.domains.domainKeys.activate(other, "two"));
await call("domains.domainKeys.deactivate", () => mg.domains.domainKeys.deactivate(other, "two"));
await call("domains.domainKeys.destroy", () => mg.domains.domainKeys.destroy(other, "two"));
await mg.domains.create({ name: "auto.example.net", use_automatic_sender_security: true });
await call("dkimManagement.update", () => mg.dkimManagement.update("auto.example.net", { rotation_enabled: "true", rotation_interval: "30d" }));
const creds = mg.domains.domainCredentials;
await call("domains.domainCredentials.create", () => creds.create(other, { login: "jo", password: "long-enough-2" }), ok);
await call("domains.domainCredentials.list", () => creds.list(other), (found) => found.items.length >= 1);
await call("domains.domainCredentials.update", () => creds.update(other, "jo", { password: "long-enough-3" }), ok);
await call("domains.domainCredentials.destroy", () => creds.destroy(other, "jo"), ok);

const t = mg.domains.domainTemplates;
await call("domains.domainTemplates.create", () => t.create(domain, { name: "compat", description: "x", template: "Hi {{name}}", tag: "one", engine: "handlebars" }), has("name"));
await call("domains.domainTemplates.list", () => t.list(domain, { limit: 10 }), has("items"));
await call("domains.domainTemplates.get", () => t.get(domain, "compat", { active: "yes" }), (found) => found.version.template === "Hi {{name}}");
await call("domains.domainTemplates.update", () => t.update(domain, "compat", { description: "y" }), ok);
await call("domains.domainTemplates.createVersion", () => t.createVersion(domain, "compat", { template: "Ho", tag: "two", engine: "handlebars", active: "yes" }), ok);
await call("domains.domainTemplates.listVersions", () => t.listVersions(domain, "compat"), (found) => found.template.versions.length === 2);
await call("domains.domainTemplates.getVersion", () => t.getVersion(domain, "compat", "two"), (found) => found.version.template === "Ho");
await call("domains.domainTemplates.updateVersion", () => t.updateVersion(domain, "compat", "two", { comment: "z" }), ok);
await call("domains.domainTemplates.destroyVersion", () => t.destroyVersion(domain, "compat", "one"), ok);
await call("domains.domainTemplates.destroy", () => t.destroy(domain, "compat"), ok);
await call("domains.domainTemplates.destroyAll", () => t.destroyAll(domain), ok);

await call("webhooks.create", () => mg.webhooks.create(domain, "opened", "http://127.0.0.1:2999/hook"), (found) => found.id === "opened");
await call("webhooks.list", () => mg.webhooks.list(domain, {}), has("opened"));
await call("webhooks.get", () => mg.webhooks.get(domain, "opened"), (found) => found.urls.length === 1);
await call("webhooks.update", () => mg.webhooks.update(domain, "opened", ["http://127.0.0.1:2999/a", "http://127.0.0.1:2999/b"]), (found) => found.urls.length === 2);
await call("webhooks.destroy", () => mg.webhooks.destroy(domain, "opened"));

const entries = {
  bounces: { address: "b@x.test", code: 550, error: "gone" }, complaints: { address: "c@x.test" },
  unsubscribes: { address: "u@x.test", tags: ["*"] }, whitelists: { address: "w@x.test", reason: "friend" },
};
for (const [kind, entry] of Object.entries(entries)) {
  await call(`suppressions.create: ${kind}`, () => mg.suppressions.create(domain, kind, kind === "whitelists" ? entry : [entry]), ok);
  await call(`suppressions.list: ${kind}`, () => mg.suppressions.list(domain, kind, { limit: 10 }), (found) => found.items.length >= 1);
  await call(`suppressions.get: ${kind}`, () => mg.suppressions.get(domain, kind, entry.address));
  await call(`suppressions.destroy: ${kind}`, () => mg.suppressions.destroy(domain, kind, entry.address), ok);
}

const route = await call("routes.create", () => mg.routes.create({ expression: `match_recipient("r@${domain}")`, action: ["store()", "stop()"], priority: 1, description: "x" }), has("id"));
await call("routes.list", () => mg.routes.list({}), (found) => found.length >= 1);
await call("routes.get", () => mg.routes.get(route.id), has("expression"));
await call("routes.update", () => mg.routes.update(route.id, { description: "y" }), has("message"));
await call("routes.matchAddress", () => mg.routes.matchAddress(`r@${domain}`));
await call("routes.destroy", () => mg.routes.destroy(route.id), has("message"));

const news = `news@${domain}`;
const members = mg.lists.members;
await call("lists.create", () => mg.lists.create({ address: news, name: "News" }), (found) => found.address === news);
await call("lists.list", () => mg.lists.list({ limit: 10 }), has("items"));
await call("lists.get", () => mg.lists.get(news), (found) => found.address === news);
await call("lists.update", () => mg.lists.update(news, { description: "x" }), (found) => found.description === "x");
await call("lists.members.createMember", () => members.createMember(news, { address: "m@x.test", name: "M", vars: JSON.stringify({ a: 1 }), subscribed: "yes", upsert: "yes" }), has("address"));
await call("lists.members.createMembers", () => members.createMembers(news, { members: [{ address: "n@x.test", name: "N", vars: { b: 2 }, subscribed: true }], upsert: "yes" }), has("message"));
await call("lists.members.listMembers", () => members.listMembers(news, { limit: 10 }), (found) => found.items.length === 2);
await call("lists.members.getMember", () => members.getMember(news, "m@x.test"), (found) => found.vars.a === 1);
await call("lists.members.updateMember", () => members.updateMember(news, "m@x.test", { name: "MM" }), (found) => found.name === "MM");
await call("lists.members.destroyMember", () => members.destroyMember(news, "m@x.test"));
await call("lists.destroy", () => mg.lists.destroy(news));

await call("ips.list", () => mg.ips.list({}), has("items"));
await call("ip_pools.list", () => mg.ip_pools.list());
await call("subaccounts.create", () => mg.subaccounts.create("Compat"), has("subaccount"));
const child = await call("subaccounts.list", () => mg.subaccounts.list(), (found) => found.subaccounts.length >= 1);
const id = child?.subaccounts?.[0]?.id;
await call("subaccounts.get", () => mg.subaccounts.get(id), has("subaccount"));
await call("subaccounts.setMonthlySendingLimit", () => mg.subaccounts.setMonthlySendingLimit(id, 1000));
await call("subaccounts.getMonthlySendingLimit", () => mg.subaccounts.getMonthlySendingLimit(id), (found) => found.limit === 1000);
await call("subaccounts.disable", () => mg.subaccounts.disable(id));
await call("subaccounts.enable", () => mg.subaccounts.enable(id));
await call("subaccounts.destroy", () => mg.subaccounts.destroy(id));

await call("customMessageLimit.set", () => mg.customMessageLimit.set(100000));
await call("customMessageLimit.get", () => mg.customMessageLimit.get(), (found) => found.limit === 100000);
await call("customMessageLimit.enable: nothing to enable", () => mg.customMessageLimit.enable().then(() => null, (error) => error),
  (error) => error?.status === 400);
await call("customMessageLimit.destroy", () => mg.customMessageLimit.destroy());
const am = mg.accountManagement;
await call("accountManagement.getWebhookSigningKey", () => am.getWebhookSigningKey(), (found) => Object.keys(found).length > 0);
await call("accountManagement.addSandboxAuthorizedRecipient", () => am.addSandboxAuthorizedRecipient("r@x.test"));
await call("accountManagement.getSandboxAuthorizedRecipients", () => am.getSandboxAuthorizedRecipients());
await call("accountManagement.removeSandboxAuthorizedRecipient", () => am.removeSandboxAuthorizedRecipient("r@x.test"));
await call("accountManagement.updateAccountSettings", () => am.updateAccountSettings({ name: "Compat" }));

await call("domains.domainTags.destroy", () => mg.domains.domainTags.destroy(domain, "compat"), ok);
await call("domains.destroy", () => mg.domains.destroy(other), ok);
await call("validate.get", () => mg.validate.get("a@x.test"));
await call("lists.validate", () => mg.lists.validate(news));
await call("inboxPlacements.runTest", () => mg.inboxPlacements.runTest({ from, subject: "x", html: "<p>x</p>" }));
done();
