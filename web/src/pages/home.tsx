import { Link } from "wouter";

import { curl } from "../api/client";
import { bucketName, buckets, dimension, overTime, shownDimension, useMetrics, value } from "../api/metrics";
import { useQueue } from "../api/queue";
import { useDomain, useDomains } from "../shell/domain";
import { Ago, Card, Choice, Empty, Figure, Head, Loading, Problem, type Tone } from "../ui/Basics";
import { Chart } from "../ui/Chart";
import { compact, count, share } from "../ui/format";
import { href, useFilters } from "../ui/url";

const PERIODS: [string, string][] = [
  ["1d", "The last day"],
  ["7d", "The last 7 days"],
  ["30d", "The last 30 days"],
];
const COUNTS = ["accepted_count", "delivered_count", "temporary_failed_count", "permanent_failed_count", "bounced_count", "processed_count", "complained_count"];
// Where large providers begin to refuse mail: 5 % bounces; complaints above 0.1 % are noticed, above 0.3 % punished.
const LIMITS = { bounce: [0.02, 0.05], complaint: [0.001, 0.003] } as const;

export default function Home() {
  const [filters, change] = useFilters();
  const period = filters.period ?? "1d";
  const resolution = period === "1d" ? "hour" : "day";
  const { data, error, refetch } = useMetrics({ duration: period, resolution, dimensions: ["time"], metrics: COUNTS, include_aggregates: true });
  const all = data?.aggregates.metrics;
  const at = (status: string) => href("/messages", { status, period });
  return (
    <>
      <Head title="Home">
        <Choice label="Period" value={period} options={PERIODS} onChange={(event) => change({ period: event.target.value })} />
      </Head>
      <Problem error={error} retry={() => void refetch()} />
      {!data && !error && <Loading />}
      {data && (
        <>
          <div className="figures">
            <Figure label="Accepted" value={compact(value(all, "accepted_count"))} to={at("")} />
            <Figure label="Delivered" value={compact(value(all, "delivered_count"))} to={at("delivered")} tone="good" />
            <Figure label="Deferred" value={compact(value(all, "temporary_failed_count"))} to={at("deferred")} about="tried again" />
            <Figure label="Failed" value={compact(value(all, "permanent_failed_count"))} to={at("failed")} tone={value(all, "permanent_failed_count") ? "bad" : ""} />
            <Queued />
          </div>
          {data.items.length ? (
            <Card title="Over time">
              <Chart
                label="Messages over time"
                kind="bar"
                labels={buckets(data).map((each) => bucketName(each, data.resolution))}
                series={[
                  { name: "Delivered", values: overTime(data, "delivered_count"), color: 2 },
                  { name: "Deferred", values: overTime(data, "temporary_failed_count"), color: 3 },
                  { name: "Failed", values: overTime(data, "permanent_failed_count"), color: 4 },
                ]}
                stacked
              />
            </Card>
          ) : (
            <FirstMessage />
          )}
          <div className="page-grid">
            <Gauge title="Bounces" part={value(all, "bounced_count")} of={value(all, "processed_count")} limits={LIMITS.bounce} to={at("failed")} />
            <Gauge title="Complaints" part={value(all, "complained_count")} of={value(all, "delivered_count")} limits={LIMITS.complaint} to={at("complained")} />
            <Worst period={period} />
            <Problems />
          </div>
        </>
      )}
    </>
  );
}

function FirstMessage() {
  const [domain] = useDomain();
  const fields: [string, string][] = [
    ["from", `Me <me@${domain}>`],
    ["to", "you@example.com"],
    ["subject", "Hello"],
    ["text", "It works."],
  ];
  return (
    <Empty title="Nothing was sent in this time." command={curl(`/v3/${domain || "YOUR-DOMAIN"}/messages`, "POST", fields)}>
      <p>
        This command sends a message. <Link href="/first-run">The first run</Link> goes through it step by step.
      </p>
    </Empty>
  );
}

/** What waits; only for those who may look at the queue. */
function Queued() {
  const { data } = useQueue();
  if (!data) return null;
  const waiting = Object.values(data.states).reduce((sum, each) => sum + each.count, 0);
  return <Figure label="In the queue" value={compact(waiting)} to="/queue" about={data.oldest_due ? <>oldest due <Ago time={data.oldest_due} /></> : "nothing is overdue"} />;
}

/** A share with the limits that matter: below the first all is well, above the second it hurts. */
function Gauge({ title, part, of, limits, to }: { title: string; part: number; of: number; limits: readonly [number, number]; to: string }) {
  const found = of ? part / of : 0;
  const tone: Tone = found >= limits[1] ? "bad" : found >= limits[0] ? "warn" : "good";
  return (
    <Card title={title}>
      <Link href={to} className={`figure-value ${tone}`}>
        {share(found)}
      </Link>
      <meter className={tone} aria-label={`${title}: ${share(found)}`} min={0} max={limits[1] * 2} low={limits[0]} high={limits[1]} optimum={0} value={Math.min(found, limits[1] * 2)} />
      <p className="quiet-text">
        {count(part)} of {count(of)}. Keep below {share(limits[0])}; providers act at {share(limits[1])}.
      </p>
    </Card>
  );
}

function Worst({ period }: { period: string }) {
  const { data } = useMetrics({
    duration: period,
    resolution: period === "1d" ? "hour" : "day",
    dimensions: ["recipient_provider"],
    metrics: ["processed_count", "delivered_count", "permanent_failed_count", "temporary_failed_count"],
    pagination: { limit: 100, sort: "processed_count:desc" },
  });
  const judged = (data?.items ?? [])
    .map((item) => ({ item, trouble: (value(item.metrics, "permanent_failed_count") + value(item.metrics, "temporary_failed_count")) / Math.max(1, value(item.metrics, "processed_count")) }))
    .sort((a, b) => b.trouble - a.trouble);
  const worst = judged[0];
  const name = worst && shownDimension(worst.item, "recipient_provider");
  return (
    <Card title="Worst provider">
      {!worst || worst.trouble === 0 ? (
        <p className="quiet-text">No provider deferred or refused anything.</p>
      ) : (
        <>
          <Link href={href("/messages", { status: "failed", provider: dimension(worst.item, "recipient_provider"), period })} className="figure-value bad">
            {name}
          </Link>
          <p className="quiet-text">
            {count(value(worst.item.metrics, "temporary_failed_count"))} deferrals and {count(value(worst.item.metrics, "permanent_failed_count"))} failures for{" "}
            {count(value(worst.item.metrics, "processed_count"))} recipients. <Link href={href("/deliverability", { period })}>All providers</Link>
          </p>
        </>
      )}
    </Card>
  );
}

/** What somebody should look at, each with where. */
function Problems() {
  const { infos } = useDomains();
  const { data: queue } = useQueue();
  const found: [string, string][] = [];
  if (queue && !queue.delivering) found.push(["No delivery process is running: nothing leaves the queue.", "/queue"]);
  for (const each of queue?.suspensions ?? []) found.push([`Delivery to ${each.site || "everybody"} is held back: ${each.reason}`, "/queue"]);
  for (const rule of queue?.rules ?? []) if (rule.kind === "pause") found.push([`Paused${rule.note ? `: ${rule.note}` : ""}`, "/queue"]);
  for (const domain of infos ?? []) if (domain.state !== "active") found.push([`${domain.name} is ${domain.state}: it may not send`, `/domains/${domain.name}`]);
  return (
    <Card title="Open problems">
      {found.length === 0 ? (
        <p className="quiet-text">None.</p>
      ) : (
        <ul className="plain-list">
          {found.slice(0, 10).map(([text, to]) => (
            <li key={text}>
              <Link href={to}>{text}</Link>
            </li>
          ))}
          {found.length > 10 && <li>… and {found.length - 10} more</li>}
        </ul>
      )}
    </Card>
  );
}
