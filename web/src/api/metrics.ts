// Figures: what was counted, by what, over which time.
import { queries } from "./client";
import type { components } from "./schema";

export type MetricsQuery = components["schemas"]["postwright.analytics.schemas.MetricsQuery"];
export type MetricsAnswer = components["schemas"]["MetricsAnswer"];
type Item = MetricsAnswer["items"][number];

export function useMetrics(body: MetricsQuery, enabled = true) {
  return queries.useQuery("post", "/v1/analytics/metrics", { body }, { enabled, placeholderData: (before) => before });
}

export const value = (metrics: Record<string, number | string> | undefined, name: string): number => Number(metrics?.[name] ?? 0);

/** The value of a dimension in an item. */
export const dimension = (item: Item, name: string): string => item.dimensions.find((each) => each.dimension === name)?.value ?? "";
export const shownDimension = (item: Item, name: string): string => item.dimensions.find((each) => each.dimension === name)?.display_value ?? "";

const HOUR = 3_600_000;

/** Every hour, day or month of an answer, also those in which nothing happened. */
export function buckets(answer: Pick<MetricsAnswer, "start" | "end" | "resolution">): Date[] {
  const found: Date[] = [];
  const end = new Date(answer.end);
  for (let at = new Date(answer.start); at <= end && found.length < 2000; ) {
    found.push(at);
    if (answer.resolution === "month") at = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
    else at = new Date(at.valueOf() + (answer.resolution === "hour" ? HOUR : 24 * HOUR));
  }
  return found;
}

/** The values of a metric in each bucket of an answer by time; `keep` chooses among items with further dimensions. */
export function overTime(answer: MetricsAnswer, metric: string, keep: (item: Item) => boolean = () => true): number[] {
  const byTime = new Map<number, number>();
  for (const item of answer.items.filter(keep)) {
    const at = new Date(dimension(item, "time")).valueOf();
    byTime.set(at, (byTime.get(at) ?? 0) + value(item.metrics, metric));
  }
  return buckets(answer).map((at) => byTime.get(at.valueOf()) ?? 0);
}

const hour = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });

/** What stands below a bucket of a chart. Days and months are those of UTC, as they are counted. */
export function bucketName(at: Date, resolution: string): string {
  return { hour, day, month }[resolution]?.format(at) ?? at.toISOString();
}

/** Metrics by the words of people. */
export const METRICS: [string, string][] = [
  ["accepted_count", "Accepted"],
  ["delivered_count", "Delivered"],
  ["temporary_failed_count", "Deferred"],
  ["permanent_failed_count", "Failed"],
  ["bounced_count", "Bounced"],
  ["hard_bounces_count", "Hard bounces"],
  ["soft_bounces_count", "Soft bounces"],
  ["opened_count", "Opens"],
  ["unique_opened_count", "Unique opens"],
  ["clicked_count", "Clicks"],
  ["unique_clicked_count", "Unique clicks"],
  ["unsubscribed_count", "Unsubscribes"],
  ["complained_count", "Complaints"],
  ["stored_count", "Received and stored"],
  ["sent_count", "Sent"],
  ["processed_count", "Processed"],
  ["suppressed_bounces_count", "Suppressed: bounced before"],
  ["suppressed_unsubscribed_count", "Suppressed: unsubscribed"],
  ["suppressed_complaints_count", "Suppressed: complained"],
  ["delivered_first_attempt_count", "Delivered at the first attempt"],
  ["esp_block_count", "Blocked by the provider"],
  ["rate_limit_count", "Rate limited"],
  ["delivered_rate", "Delivery rate"],
  ["bounce_rate", "Bounce rate"],
  ["hard_bounce_rate", "Hard bounce rate"],
  ["opened_rate", "Open rate"],
  ["unique_opened_rate", "Unique open rate"],
  ["clicked_rate", "Click rate"],
  ["unique_clicked_rate", "Unique click rate"],
  ["unsubscribed_rate", "Unsubscribe rate"],
  ["complained_rate", "Complaint rate"],
  ["temporary_fail_rate", "Deferral rate"],
  ["permanent_fail_rate", "Failure rate"],
];

export const DIMENSIONS: [string, string][] = [
  ["time", "Time"],
  ["domain", "Domain"],
  ["recipient_provider", "Provider"],
  ["recipient_domain", "Recipient domain"],
  ["tag", "Tag"],
  ["ip", "Source address"],
  ["ip_pool", "Pool"],
  ["country", "Country"],
  ["device", "Device"],
  ["bot", "Bot"],
  ["subaccount", "Subaccount"],
];
