// The queue at a glance, in types that say more than its description.
import { queries } from "./client";
import type { components } from "./schema";

export type QueueRow = components["schemas"]["QueueRow"];
export type Rule = components["schemas"]["RuleShown"];

export interface Depth {
  count: number;
  oldest_due: string | null;
}

export interface Site {
  recipient_domain: string;
  provider: string;
  count: number;
  held: number;
  oldest_due: string | null;
}

export interface Suspension {
  site: string;
  source: string;
  account: string;
  rule: string;
  reason: string;
  limits: string;
  since: string;
  until: string;
}

/** `data` is undefined too for those who may not look at the queue. */
export function useQueue() {
  const found = queries.useQuery("get", "/postwright/v1/queue", {}, { retry: false });
  const data = found.data && {
    ...found.data,
    states: found.data.states as unknown as Record<string, Depth>,
    sites: found.data.recipient_domains as unknown as Site[],
    suspensions: found.data.suspensions as unknown as Suspension[],
  };
  return { ...found, data };
}
