import { useState } from "react";
import { Link } from "wouter";

import { curlJson, queries } from "../api/client";
import { dimension, shownDimension, useMetrics, value, type MetricsAnswer } from "../api/metrics";
import { useQueue, type Suspension } from "../api/queue";
import type { components } from "../api/schema";
import { useDomain } from "../shell/domain";
import { DomainPicker } from "../shell/DomainPicker";
import { Ago, Badge, Card, Choice, Empty, Head } from "../ui/Basics";
import { count, share, when } from "../ui/format";
import { Table } from "../ui/Table";
import { Tabs } from "../ui/Tabs";
import { href, useFilters } from "../ui/url";

type Item = MetricsAnswer["items"][number];
type Reason = components["schemas"]["postwright.classification.schemas.Item"];
type Dmarc = components["schemas"]["DmarcItem"];
type Tls = components["schemas"]["TlsItem"];
type Day = components["schemas"]["Day"];

const PERIODS: [string, string][] = [
  ["1d", "The last day"],
  ["7d", "The last 7 days"],
  ["30d", "The last 30 days"],
];
const METRICS = ["processed_count", "delivered_count", "temporary_failed_count", "permanent_failed_count", "complained_count", "esp_block_count", "rate_limit_count", "delivered_rate", "bounce_rate", "complained_rate"];

/** How mail arrives at each provider, and what those who receive it say. */
export default function Deliverability() {
  const [filters, change] = useFilters();
  const period = filters.period ?? "7d";
  return (
    <>
      <Head title="Deliverability" about="By those who receive the mail.">
        <Choice label="Period" value={period} options={PERIODS} onChange={(event) => change({ period: event.target.value })} />
      </Head>
      <Providers period={period} />
      <Tabs
        label="What providers say"
        parts={[
          { id: "reasons", title: "Reasons", content: () => <Reasons period={period} /> },
          { id: "throttles", title: "Throttles", content: () => <Throttles /> },
          { id: "blocklists", title: "Blocklists", content: () => <Blocklists period={period} /> },
          { id: "dmarc", title: "DMARC reports", content: () => <DmarcReports /> },
          { id: "tls", title: "TLS reports", content: () => <TlsReports /> },
          { id: "encryption", title: "Encryption of ours", content: () => <Encryption /> },
        ]}
      />
    </>
  );
}

function Providers({ period }: { period: string }) {
  const body = { duration: period, resolution: period === "1d" ? "hour" : "day", dimensions: ["recipient_provider"], metrics: METRICS, pagination: { limit: 100, sort: "processed_count:desc" } };
  const { data, error, refetch } = useMetrics(body);
  const list = (row: Item, status: string) => href("/messages", { provider: dimension(row, "recipient_provider"), status, period });
  const figure = (name: string, metric: string, status: string) => ({
    name,
    number: true,
    cell: (row: Item) => <Link href={list(row, status)}>{count(value(row.metrics, metric))}</Link>,
    text: (row: Item) => value(row.metrics, metric),
  });
  const rate = (name: string, metric: string, bad: (found: number) => boolean) => ({
    name,
    number: true,
    cell: (row: Item) => <span className={bad(value(row.metrics, metric)) ? "bad" : ""}>{share(value(row.metrics, metric))}</span>,
    text: (row: Item) => value(row.metrics, metric),
  });
  return (
    <Card title="Providers">
      <Table<Item>
        name="Providers"
        rows={data?.items}
        id={(row) => dimension(row, "recipient_provider")}
        error={error}
        retry={() => void refetch()}
        command={curlJson("/v1/analytics/metrics", body)}
        empty={<Empty title="Nothing was sent in this time." />}
        columns={[
          { name: "Provider", cell: (row) => shownDimension(row, "recipient_provider") || "Other", text: (row) => shownDimension(row, "recipient_provider") },
          figure("Delivered", "delivered_count", "delivered"),
          rate("Delivery rate", "delivered_rate", (found) => found < 0.95),
          figure("Deferred", "temporary_failed_count", "deferred"),
          figure("Failed", "permanent_failed_count", "failed"),
          rate("Bounce rate", "bounce_rate", (found) => found >= 0.05),
          figure("Blocked", "esp_block_count", "failed"),
          figure("Rate limited", "rate_limit_count", "deferred"),
          figure("Complaints", "complained_count", "complained"),
          rate("Complaint rate", "complained_rate", (found) => found >= 0.001),
        ]}
      />
    </Card>
  );
}

/** `7d` as the classification's own operation writes lengths of time. */
const hours = (period: string) => `${Number.parseInt(period, 10) * 24}h0m0s`;

const reasonsQuery = (period: string) => ({
  duration: hours(period),
  dimensions: ["entity-name", "group-id", "category", "criticality"],
  metrics: ["classified_failures_count", "delivered_smtp_count"],
  pagination: { limit: 50 },
});

const reasonsCommand = (period: string) => curlJson("/v2/bounce-classification/metrics", reasonsQuery(period));

function useReasons(period: string) {
  return queries.useQuery("post", "/v2/bounce-classification/metrics", { body: reasonsQuery(period) });
}

const REASONS: { name: string; number?: boolean; cell: (row: Reason) => React.ReactNode; text: (row: Reason) => string | number | null | undefined }[] = [
  { name: "Who said it", cell: (row) => row["entity-name"], text: (row) => row["entity-name"] },
  { name: "Kind", cell: (row) => row.category?.toLowerCase().replaceAll("-", " "), text: (row) => row.category },
  { name: "Weight", cell: (row) => (row.criticality === "CRITICAL" ? <Badge tone="bad">mend this</Badge> : <Badge>minor</Badge>), text: (row) => row.criticality },
  { name: "What it means, and what to do", cell: (row) => row.explanation, text: (row) => row.explanation },
  { name: "An example", cell: (row) => <code className="clamp">{row["sample-text"]}</code>, text: (row) => row["sample-text"] },
  { name: "Count", number: true, cell: (row) => count(Number(row.metrics.classified_failures_count ?? 0)), text: (row) => row.metrics.classified_failures_count },
];

function Reasons({ period }: { period: string }) {
  const { data, error } = useReasons(period);
  return (
    <Table<Reason>
      name="Reasons"
      rows={data?.items}
      id={(row) => `${row["entity-name"]} ${row["group-id"]}`}
      error={error}
      empty={<p className="quiet-text">Nobody deferred or refused anything in this time.</p>}
      command={reasonsCommand(period)}
      columns={REASONS}
    />
  );
}

function Blocklists({ period }: { period: string }) {
  const { data, error } = useReasons(period);
  // Nothing can be delivered to a blocklist or filter, and their figure says so.
  const listed = data?.items.filter((row) => row.category === "BLACKLISTED" || row.metrics.delivered_smtp_count === null);
  return (
    <Table<Reason>
      name="Blocklists"
      rows={listed}
      id={(row) => `${row["entity-name"]} ${row["group-id"]}`}
      error={error}
      empty={<p className="quiet-text">No refusal named a blocklist in this time.</p>}
      command={reasonsCommand(period)}
      columns={REASONS}
    />
  );
}

function Throttles() {
  const { data, error } = useQueue();
  return (
    <Table<Suspension>
      name="Throttles"
      rows={data?.suspensions}
      id={(row) => `${row.site} ${row.source} ${row.account} ${row.rule}`}
      error={error}
      request="/postwright/v1/queue"
      empty={<p className="quiet-text">Nothing is slowed down or held back at this moment.</p>}
      columns={[
        { name: "To", cell: (row) => row.site || "everybody", text: (row) => row.site },
        { name: "From", cell: (row) => row.source || "every address", text: (row) => row.source },
        { name: "Why", cell: (row) => row.reason, text: (row) => row.reason },
        { name: "How far", cell: (row) => row.limits || "full stop", text: (row) => row.limits },
        { name: "Until", cell: (row) => <Ago time={row.until} />, text: (row) => row.until },
      ]}
    />
  );
}

const PAGE = 20;

function usePages() {
  const [skip, setSkip] = useState(0);
  return { skip, steps: (total: number | undefined) => ({ next: total !== undefined && skip + PAGE < total ? () => setSkip(skip + PAGE) : undefined, previous: skip ? () => setSkip(skip - PAGE) : undefined }) };
}

function DmarcReports() {
  const [domain] = useDomain();
  const { skip, steps } = usePages();
  const { data, error } = queries.useQuery("get", "/postwright/v1/{domain}/dmarc-reports", { params: { path: { domain }, query: { limit: PAGE, skip } } }, { enabled: domain !== "" });
  return (
    <div className="stack">
      <DomainPicker />
      <Table<Dmarc>
        name="DMARC reports"
        rows={data?.items}
        id={(row) => row.report.organisation + row.report.report_id}
        error={error}
        request={`/postwright/v1/${domain}/dmarc-reports`}
        {...steps(data?.total_count)}
        empty={
          <Empty title="No report came yet.">
            <p>
              Receivers mail one a day to the address in the <code>rua</code> of a domain's DMARC record; the record that we propose names one of ours.
            </p>
          </Empty>
        }
        columns={[
          { name: "From", cell: (row) => row.report.organisation, text: (row) => row.report.organisation },
          { name: "About", cell: (row) => `${when(row.report.begin)} – ${when(row.report.end)}`, text: (row) => row.report.begin },
          { name: "Policy", cell: (row) => row.report.policy, text: (row) => row.report.policy },
          { name: "Messages", number: true, cell: (row) => count(row.messages), text: (row) => row.messages },
          { name: "Passed", number: true, cell: (row) => <span className={row.passed < row.messages ? "bad" : "good"}>{share(row.messages ? row.passed / row.messages : 1)}</span>, text: (row) => row.passed },
          {
            name: "Failing addresses",
            cell: (row) =>
              row.report.records
                .filter((record) => record.dkim !== "pass" && record.spf !== "pass")
                .slice(0, 5)
                .map((record) => `${record.source_ip} (${record.count})`)
                .join(", ") || "–",
          },
          { name: "Sender proven", cell: (row) => (row.authenticated ? "yes" : <Badge tone="warn">no</Badge>), text: (row) => String(row.authenticated) },
        ]}
      />
    </div>
  );
}

function TlsReports() {
  const [domain] = useDomain();
  const { skip, steps } = usePages();
  const { data, error } = queries.useQuery("get", "/postwright/v1/{domain}/tls-reports/received", { params: { path: { domain }, query: { limit: PAGE, skip } } }, { enabled: domain !== "" });
  return (
    <div className="stack">
      <DomainPicker />
      <Table<Tls>
        name="TLS reports"
        rows={data?.items}
        id={(row) => String(row.received_at) + row.succeeded}
        error={error}
        request={`/postwright/v1/${domain}/tls-reports/received`}
        {...steps(data?.total_count)}
        empty={<Empty title="No report came yet."><p>Senders to this domain mail one a day when its TLSRPT record asks for it.</p></Empty>}
        columns={[
          { name: "Received", cell: (row) => <Ago time={row.received_at} />, text: (row) => row.received_at },
          { name: "Encrypted as asked", number: true, cell: (row) => count(row.succeeded), text: (row) => row.succeeded },
          { name: "Not", number: true, cell: (row) => <span className={row.failed ? "bad" : ""}>{count(row.failed)}</span>, text: (row) => row.failed },
          { name: "Sender proven", cell: (row) => (row.authenticated ? "yes" : <Badge tone="warn">no</Badge>), text: (row) => String(row.authenticated) },
        ]}
      />
    </div>
  );
}

function Encryption() {
  const { data, error } = queries.useQuery("get", "/postwright/v1/tls-reports", { params: { query: { limit: 50 } } }, { retry: false });
  return (
    <Table<Day>
      name="Encryption of our deliveries"
      rows={data?.items}
      id={(row) => row.day + row.domain}
      error={error}
      request="/postwright/v1/tls-reports"
      empty={<p className="quiet-text">No recipient domain with a TLS policy or an address for reports was sent to yet.</p>}
      columns={[
        { name: "Day", cell: (row) => row.day, text: (row) => row.day },
        { name: "Recipient domain", cell: (row) => row.domain, text: (row) => row.domain },
        { name: "Encrypted", number: true, cell: (row) => count(row.successful_sessions), text: (row) => row.successful_sessions },
        { name: "Failed", number: true, cell: (row) => <span className={row.failed_sessions ? "bad" : ""}>{count(row.failed_sessions)}</span>, text: (row) => row.failed_sessions },
        { name: "Our report", cell: (row) => row.report, text: (row) => row.report },
        { name: "Problem", cell: (row) => row.problem || "–", text: (row) => row.problem },
      ]}
    />
  );
}
