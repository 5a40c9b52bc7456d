// Events as the API gives them, and what people call them.
import type { Tone } from "./Basics";

/** What the panel reads of an event; there is more in it. */
export interface Event {
  event: string;
  id: string;
  timestamp?: number;
  "@timestamp"?: string;
  severity?: string;
  reason?: string;
  recipient?: string;
  "recipient-provider"?: string;
  domain?: { name?: string };
  tags?: string[];
  url?: string;
  ip?: string;
  "client-info"?: { "client-name"?: string; "device-type"?: string; bot?: string };
  geolocation?: { country?: string; city?: string };
  storage?: { key?: string };
  message?: { headers?: { "message-id"?: string; subject?: string; from?: string; to?: string }; size?: number; "scheduled-for"?: number };
  "delivery-status"?: { code?: number; message?: string; description?: string; "mx-host"?: string; "attempt-no"?: number; "retry-seconds"?: number };
}

export const timeOf = (event: Event): string | number | undefined => event["@timestamp"] ?? event.timestamp;

/** The state that an event says a message is in. */
export function stateOf(event: Event): [string, Tone] {
  switch (event.event) {
    case "failed":
      return event.severity === "temporary" ? ["deferred", "warn"] : ["failed", "bad"];
    case "delivered":
      return ["delivered", "good"];
    case "opened":
    case "clicked":
      return [event.event, "good"];
    case "complained":
    case "rejected":
      return [event.event, "bad"];
    case "unsubscribed":
      return ["unsubscribed", "warn"];
    case "accepted":
      return (event.message?.["scheduled-for"] ?? 0) * 1000 > Date.now() ? ["scheduled", "info"] : ["accepted", "info"];
    default:
      return [event.event, "info"];
  }
}

/** One line about what an event says beyond its name. */
export function about(event: Event): string {
  const status = event["delivery-status"];
  const place = [event.geolocation?.city, event.geolocation?.country].filter((part) => part && part !== "Unknown").join(", ");
  const client = event["client-info"];
  const parts = [
    status?.code ? `${status.code}` : "",
    status?.message || status?.description || "",
    status?.["mx-host"] ? `by ${status["mx-host"]}` : "",
    event.url ?? "",
    client?.["client-name"] ? `${client["client-name"]} (${client["device-type"] ?? ""})` : "",
    client?.bot ? `a machine: ${client.bot}` : "",
    place,
  ];
  return parts.filter(Boolean).join(" · ");
}

export function messagePath(event: Event): string {
  return `/messages/${encodeURIComponent(event.domain?.name ?? "")}/${encodeURIComponent(event.message?.headers?.["message-id"] ?? "")}`;
}
