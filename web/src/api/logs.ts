// Searching what happened to messages, over the whole account.
import { useQuery } from "@tanstack/react-query";

import type { Event } from "../ui/events";
import { api } from "./client";
import type { components } from "./schema";

type LogsQuery = components["schemas"]["LogsQuery"];

/** What is looked for: texts by name, "" for anything. */
export type Wanted = Partial<Record<"recipient" | "subject" | "message" | "from" | "tag" | "domain" | "provider" | "status" | "period" | "page" | "reason", string>>;

export const STATUSES: [string, string][] = [
  ["", "Any"],
  ["delivered", "Delivered"],
  ["deferred", "Deferred"],
  ["failed", "Failed"],
  ["opened", "Opened"],
  ["clicked", "Clicked"],
  ["unsubscribed", "Unsubscribed"],
  ["complained", "Complained"],
  ["stored", "Received and stored"],
];
export const PERIODS: [string, string][] = [
  ["1d", "The last day"],
  ["7d", "The last 7 days"],
  ["30d", "The last 30 days"],
];
export const ROWS = 25;

/** The request behind a search. */
export function logsQuery(wanted: Wanted): LogsQuery {
  const predicates: [string, string, string | undefined][] = [
    ["recipient", "contains", wanted.recipient],
    ["subject", "contains", wanted.subject],
    ["from", "contains", wanted.from],
    ["message_id", "=", wanted.message],
    ["tag", "=", wanted.tag],
    ["domain", "=", wanted.domain],
    ["recipient_provider", "=", wanted.provider],
    ["delivery_status_message", "contains", wanted.reason],
    ["severity", "=", { deferred: "temporary", failed: "permanent" }[wanted.status ?? ""]],
  ];
  const event = { "": "accepted", deferred: "failed" }[wanted.status ?? ""] ?? wanted.status!;
  return {
    duration: wanted.period || "7d",
    events: [event],
    filter: {
      AND: predicates
        .filter(([, , value]) => value)
        .map(([attribute, comparator, value]) => ({ attribute, comparator, values: [{ value: value!, label: value! }] })),
    },
    include_totals: true,
    pagination: { limit: ROWS, sort: "timestamp:desc", token: wanted.page ?? "" },
  };
}

const keyOf = (event: Event) => `${event.message?.headers?.["message-id"]} ${event.recipient}`;
// What happened last decides, but what a reader does says more than a late notice of delivery.
const OUTCOMES = ["delivered", "failed", "opened", "clicked", "unsubscribed", "complained"];
const RANK: Record<string, number> = { accepted: 0, failed: 1, delivered: 2, opened: 3, clicked: 4, unsubscribed: 5, complained: 6 };

/** The events that say what became of accepted messages: for each message and recipient the one that says most. */
async function outcomes(rows: Event[]): Promise<Map<string, Event>> {
  const ids = [...new Set(rows.map((row) => row.message?.headers?.["message-id"] ?? ""))].filter(Boolean);
  const found = new Map<string, Event>();
  let token = "";
  // A message has few such events; the pages have an end for the one that has many.
  for (let page = 0; ids.length && page < 5; page++) {
    const { data } = await api.POST("/v1/analytics/logs", {
      body: {
        duration: "30d",
        events: OUTCOMES,
        filter: { AND: [{ attribute: "message_id", comparator: "=", values: ids.map((id) => ({ value: id, label: id })) }] },
        pagination: { limit: 100, sort: "timestamp:desc", token },
      },
    });
    const events = (data?.items ?? []) as unknown as Event[];
    for (const event of events) {
      const known = found.get(keyOf(event));
      if (!known || (RANK[event.event] ?? 0) > (RANK[known.event] ?? 0)) found.set(keyOf(event), event);
    }
    token = data?.pagination.next ?? "";
    if (events.length < 100 || !token) break;
  }
  return found;
}

export interface Row {
  event: Event;
  /** The event that says what became of it: the row's own one when a status was asked for. */
  outcome: Event;
}

/** A page of a search. */
export function useLogs(wanted: Wanted) {
  const body = logsQuery(wanted);
  return useQuery({
    queryKey: ["logs", body],
    placeholderData: (before) => before,
    queryFn: async () => {
      const { data } = await api.POST("/v1/analytics/logs", { body });
      const events = (data?.items ?? []) as unknown as Event[];
      const after = wanted.status ? new Map<string, Event>() : await outcomes(events);
      const rows = events.map((event): Row => ({ event, outcome: after.get(keyOf(event)) ?? event }));
      return { rows, pages: data!.pagination, total: data!.pagination.total ?? data!.aggregates.all ?? undefined };
    },
  });
}
