// Drives what mailgun.js knows of addresses and pools; prints one JSON object of what came back.
import { createRequire } from "node:module";

// The packages are in the working directory, which is not the folder of this file.
const require = createRequire(process.cwd() + "/");
const Mailgun = require("mailgun.js").default ?? require("mailgun.js");
const FormData = require("form-data");
const [url, key, domain, kid, ...ips] = process.argv.slice(2);
const mg = new Mailgun(FormData).client({ username: "api", key, url });
const refused = (promise) => promise.then(() => null, (error) => [error.status, error.details]);
const seen = {};

seen.listed = await mg.ips.list({ dedicated: true });
seen.one = await mg.ips.get(ips[0]);
seen.assigned = await mg.domains.assignIp(domain, ips[1]);
seen.deleted = await mg.domains.deleteIp(domain, ips[0]);
seen.held = await mg.domains.getIps(domain);
seen.made = await mg.ip_pools.create({ name: "news", description: "Newsletters", ips: [ips[0]] });
const pool = seen.made.pool_id;
seen.updated = await mg.ip_pools.update(pool, { name: "more", add_ip: ips[2] });
seen.addedOne = await mg.ip_pools.addIp(pool, ips[3]);
seen.removedOne = await mg.ip_pools.removeIp(pool, ips[3]);
seen.addedMany = await mg.ip_pools.addIps(pool, [ips[3]]);
seen.pools = await mg.ip_pools.list();
seen.linked = await mg.domains.linkIpPool(domain, pool);
seen.pooled = await mg.domains.getIps(domain);
seen.pool = await mg.ip_pools.get(pool);
seen.domains = await mg.ip_pools.linkedDomains(pool, { limit: 5 });
seen.delegated = await mg.ip_pools.delegate(pool, kid);
seen.revoked = await mg.ip_pools.revokeDelegation(pool, kid);
seen.unlinked = await mg.domains.unlinkIpPoll(domain, { ip: "shared" });
seen.shared = await mg.domains.getIps(domain);
seen.refused = await refused(mg.ip_pools.update(pool, { add_ip: "192.0.2.99" }));
seen.destroyed = await mg.ip_pools.destroy(pool, { ip: "shared" });
console.log(JSON.stringify(seen));
