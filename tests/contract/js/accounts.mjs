// Drives mailgun.js through accounts and domains as programs do; prints one JSON object of what came back.
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const Mailgun = require("mailgun.js").default ?? require("mailgun.js");
const FormData = require("form-data");
const [url, key, domain] = process.argv.slice(2);
const mg = new Mailgun(FormData).client({ username: "api", key, url });
const refused = (promise) => promise.then(() => null, (error) => [error.status, error.details]);
const seen = {};
process.on("uncaughtException", (error) => {
  console.error(String(error.stack).slice(0, 500), error.status, error.details, JSON.stringify(seen));
  process.exit(1);
});

seen.made = await mg.subaccounts.create("From JS");
const id = seen.made.subaccount.id;
seen.listed = (await mg.subaccounts.list()).subaccounts.map((each) => each.name);
seen.shown = (await mg.subaccounts.get(id)).subaccount.status;
seen.disabled = (await mg.subaccounts.disable(id)).subaccount.status;
seen.twice = await refused(mg.subaccounts.disable(id));
seen.enabled = (await mg.subaccounts.enable(id)).subaccount.status;
seen.limitSet = await mg.subaccounts.setMonthlySendingLimit(id, 5000);
seen.limit = await mg.subaccounts.getMonthlySendingLimit(id);
seen.features = await mg.subaccounts.updateSubaccountFeature(id, { sending: true, validations: false });

// On behalf of the subaccount, and back.
mg.setSubaccount(id);
seen.childDomain = (await mg.domains.create({ name: "child.js.example" })).name;
seen.childSees = (await mg.domains.list()).map((each) => each.name);
mg.resetSubaccount();
seen.parentSees = (await mg.domains.list()).map((each) => each.name);
seen.destroyed = await mg.subaccounts.destroy(id);

seen.updated = (await mg.domains.update(domain, { wildcard: true, spam_action: "tag", web_scheme: "https", web_prefix: "links" })).wildcard;
seen.verified = (await mg.domains.verify(domain)).state;
seen.connection = await mg.domains.getConnection(domain);
seen.changed = await mg.domains.updateConnection(domain, { require_tls: true, skip_verification: false });
seen.authority = await mg.domains.domainKeys.updateDKIMAuthority(domain, { self: "yes" });
seen.selector = await mg.domains.domainKeys.updateDKIMSelector(domain, { dkimSelector: "js1" });
seen.tracking = await mg.domains.domainTracking.getTracking(domain);
seen.clicks = await mg.domains.domainTracking.updateTracking(domain, "click", { active: "htmlonly" });
seen.login = await mg.domains.domainCredentials.create(domain, { login: "jo", password: "long-enough" });
seen.logins = (await mg.domains.domainCredentials.list(domain)).items.map((each) => each.login);
seen.password = await mg.domains.domainCredentials.update(domain, "jo", { password: "other-enough" });
seen.gone = await mg.domains.domainCredentials.destroy(domain, "jo");
seen.keys = (await mg.domains.domainKeys.list(domain)).items.map((each) => each.selector);
seen.newKey = (await mg.domains.domainKeys.create({ signingDomain: domain, selector: "js2", bits: 2048 })).selector;
seen.allKeys = (await mg.domains.domainKeys.listAll({ signingDomain: domain })).items.map((each) => each.selector);
console.log(JSON.stringify(seen));
