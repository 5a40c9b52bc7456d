import { Link } from "wouter";

import { curlJson } from "../api/client";
import { bucketName, buckets, dimension, DIMENSIONS, METRICS, overTime, shownDimension, useMetrics, value, type MetricsAnswer } from "../api/metrics";
import { Card, Check, Choice, Empty, Head, Loading, Problem } from "../ui/Basics";
import { Chart } from "../ui/Chart";
import { count, share } from "../ui/format";
import { SearchField } from "../ui/SearchField";
import { Table, type Column } from "../ui/Table";
import { href, useFilters } from "../ui/url";

type Item = MetricsAnswer["items"][number];

const DAYS: [string, string][] = [
  ["1", "1 day"],
  ["7", "7 days"],
  ["14", "14 days"],
  ["30", "30 days"],
  ["90", "90 days"],
];
const RESOLUTIONS: [string, string][] = [
  ["hour", "Hours"],
  ["day", "Days"],
  ["month", "Months"],
];
// Where a list of messages can be narrowed to a group of figures.
const LISTS: Record<string, string> = { domain: "domain", recipient_provider: "provider", tag: "tag", recipient_domain: "recipient" };
const STATUS: Record<string, string> = { delivered_count: "delivered", temporary_failed_count: "deferred", permanent_failed_count: "failed", bounced_count: "failed", opened_count: "opened", clicked_count: "clicked", complained_count: "complained", unsubscribed_count: "unsubscribed", stored_count: "stored" };

/** Any figure by anything, beside the same time before. */
export default function Analytics() {
  const [filters, change] = useFilters();
  const metric = METRICS.some(([name]) => name === filters.metric) ? filters.metric! : "delivered_count";
  const by = DIMENSIONS.some(([name]) => name === filters.by) ? filters.by! : "time";
  const days = Number(filters.days ?? 7) || 7;
  const resolution = filters.resolution ?? (days <= 2 ? "hour" : "day");
  const compare = filters.compare === "yes";
  const name = METRICS.find(([each]) => each === metric)![1];
  const isRate = metric.endsWith("_rate");
  const format = isRate ? (found: number) => share(found) : count;
  const body = (shift: number) => ({
    // Whole seconds of this minute: the question stays the same while a page is open.
    start: minutes(-days * (1 + shift)),
    end: minutes(-days * shift),
    resolution,
    dimensions: [by],
    metrics: [metric],
    include_aggregates: true,
    filter: filters.domain ? { AND: [{ attribute: "domain", comparator: "=", values: [{ label: filters.domain, value: filters.domain }] }] } : undefined,
    pagination: by === "time" ? undefined : { limit: 100, sort: `${metric}:desc` },
  });
  const now = useMetrics(body(0) as never);
  const before = useMetrics(body(1) as never, compare);
  const data = now.data;
  const earlier = compare ? before.data : undefined;
  const wasBefore = new Map((earlier?.items ?? []).map((item) => [dimension(item, by), value(item.metrics, metric)]));

  const columns: Column<Item>[] = [
    { name: DIMENSIONS.find(([each]) => each === by)![1], cell: (row) => <Group row={row} by={by} metric={metric} days={days} />, text: (row) => dimension(row, by) },
    { name, number: true, cell: (row) => format(value(row.metrics, metric)), text: (row) => value(row.metrics, metric) },
  ];
  if (earlier && by !== "time") {
    columns.push(
      { name: "Before", number: true, cell: (row) => format(wasBefore.get(dimension(row, by)) ?? 0), text: (row) => wasBefore.get(dimension(row, by)) ?? 0 },
      { name: "Change", number: true, cell: (row) => changed(value(row.metrics, metric), wasBefore.get(dimension(row, by)) ?? 0), text: (row) => changed(value(row.metrics, metric), wasBefore.get(dimension(row, by)) ?? 0) },
    );
  }
  const command = curlJson("/v1/analytics/metrics", body(0));
  return (
    <>
      <Head title="Analytics" />
      <div className="filters">
        <Choice label="Figure" value={metric} options={METRICS} onChange={(event) => change({ metric: event.target.value })} />
        <Choice label="By" value={by} options={DIMENSIONS} onChange={(event) => change({ by: event.target.value })} />
        <Choice label="Period" value={String(days)} options={DAYS} onChange={(event) => change({ days: event.target.value, resolution: "" })} />
        <Choice label="Steps" value={resolution} options={RESOLUTIONS} onChange={(event) => change({ resolution: event.target.value })} />
        <SearchField label="Only the domain" value={filters.domain ?? ""} onChange={(domain) => change({ domain })} />
        <Check label="Compare with the time before" checked={compare} onChange={(yes) => change({ compare: yes ? "yes" : "" })} />
      </div>
      <Problem error={now.error ?? (compare ? before.error : null)} retry={() => void now.refetch()} />
      {!data && !now.error && <Loading />}
      {data && (
        <>
          <Card title={`${name}: ${format(value(data.aggregates.metrics, metric))}${earlier ? ` (before: ${format(value(earlier.aggregates.metrics, metric))}, ${changed(value(data.aggregates.metrics, metric), value(earlier.aggregates.metrics, metric))})` : ""}`}>
            {data.items.length > 0 || earlier?.items.length ? <Picture data={data} earlier={earlier} by={by} metric={metric} name={name} format={format} /> : <Empty title="Nothing was counted in this time." />}
          </Card>
          {data.items.length > 0 && <Table<Item> name="Figures" rows={data.items} id={(row) => dimension(row, by)} columns={columns} command={command} />}
        </>
      )}
    </>
  );
}

const minutes = (days: number) => Math.floor(Date.now() / 60_000) * 60 + days * 86_400;

function changed(now: number, before: number): string {
  if (!before) return now ? "new" : "–";
  const part = (now - before) / before;
  return `${part > 0 ? "+" : ""}${share(part)}`;
}

function Group({ row, by, metric, days }: { row: Item; by: string; metric: string; days: number }) {
  const shown = by === "time" ? new Date(dimension(row, by)).toLocaleString() : shownDimension(row, by) || "(none)";
  const filter = LISTS[by];
  if (!filter) return shown;
  const period = days <= 1 ? "1d" : days <= 7 ? "7d" : "30d";
  return <Link href={href("/messages", { [filter]: dimension(row, by), status: STATUS[metric] ?? "", period })}>{shown}</Link>;
}

function Picture({ data, earlier, by, metric, name, format }: { data: MetricsAnswer; earlier: MetricsAnswer | undefined; by: string; metric: string; name: string; format: (value: number) => string }) {
  if (by === "time") {
    const series = [{ name, values: overTime(data, metric) }];
    if (earlier) series.push({ name: "The time before", values: overTime(earlier, metric).slice(0, series[0]!.values.length) });
    return <Chart label={name} labels={buckets(data).map((at) => bucketName(at, data.resolution))} series={series} format={format} />;
  }
  const top = data.items.slice(0, 15);
  const was = new Map((earlier?.items ?? []).map((item) => [dimension(item, by), value(item.metrics, metric)]));
  const series = [{ name, values: top.map((item) => value(item.metrics, metric)) }];
  if (earlier) series.push({ name: "The time before", values: top.map((item) => was.get(dimension(item, by)) ?? 0) });
  return <Chart kind="bar" label={name} labels={top.map((item) => shownDimension(item, by) || "(none)")} series={series} format={format} />;
}
