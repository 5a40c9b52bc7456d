// Every page of the panel: one file in this folder, one line here.
import type { ComponentType } from "react";

export interface Page {
  /** Its address below /panel; `:name` is a parameter. */
  path: string;
  title: string;
  /** Where it stands in the navigation; a page without a group is reached from another one. */
  group?: "Overview" | "Mail" | "Audience" | "Content" | "Sending" | "Account";
  /** Further words that the search finds it by. */
  words?: string;
  load: () => Promise<{ default: ComponentType }>;
}

export const pages: Page[] = [
  { path: "/", title: "Home", group: "Overview", words: "start figures", load: () => import("./home") },
  { path: "/first-run", title: "First run", group: "Overview", words: "begin tutorial send first message", load: () => import("./first-run") },
  { path: "/messages", title: "Messages", group: "Mail", words: "search log events recipient subject", load: () => import("./messages") },
  { path: "/messages/:domain/:id", title: "Message", load: () => import("./message") },
  { path: "/inbox", title: "Capture inbox", group: "Mail", words: "captured test catch", load: () => import("./inbox") },
  { path: "/inbox/:number", title: "Captured message", load: () => import("./captured") },
  { path: "/queue", title: "Queue", group: "Sending", words: "waiting pause resume cancel requeue reroute levers", load: () => import("./queue") },
  { path: "/deliverability", title: "Deliverability", group: "Sending", words: "providers gmail throttles blocklists dmarc tls reports reasons", load: () => import("./deliverability") },
  { path: "/analytics", title: "Analytics", group: "Overview", words: "metrics statistics charts compare", load: () => import("./analytics") },
  { path: "/domains", title: "Domains", group: "Sending", words: "dns dkim spf verify records certificate test mail", load: () => import("./domains") },
  { path: "/domains/:name", title: "Domain", load: () => import("./domain") },
  { path: "/suppressions", title: "Suppressions", group: "Audience", words: "bounces complaints unsubscribes allowlist import export", load: () => import("./suppressions") },
  { path: "/routes", title: "Routes", group: "Content", words: "inbound incoming forward store test", load: () => import("./routes") },
  { path: "/keys", title: "Keys and logins", group: "Account", words: "api key smtp credentials password", load: () => import("./keys") },
  { path: "/templates", title: "Templates", group: "Content", words: "handlebars versions preview", load: () => import("./templates") },
  { path: "/templates/:name", title: "Template", load: () => import("./template") },
  { path: "/webhooks", title: "Webhooks", group: "Content", words: "calls retry replay signature hooks http", load: () => import("./webhooks") },
  { path: "/lists", title: "Mailing lists", group: "Audience", words: "members subscribers", load: () => import("./lists") },
  { path: "/lists/:address", title: "Mailing list", load: () => import("./list") },
  { path: "/people", title: "People and subaccounts", group: "Account", words: "users roles invite subaccounts", load: () => import("./people") },
  { path: "/audit", title: "Audit log", group: "Account", words: "changes who history", load: () => import("./audit") },
  { path: "/alerts", title: "Alerts", group: "Account", words: "thresholds notifications", load: () => import("./alerts") },
  { path: "/ips", title: "Addresses and pools", group: "Sending", words: "ip pools warmup warm-up dynamic blocklists ptr", load: () => import("./ips") },
  { path: "/system", title: "System", group: "Account", words: "doctor disk certificates nodes backups health", load: () => import("./system") },
];
