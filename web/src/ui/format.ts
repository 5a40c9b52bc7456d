// Numbers, times and sizes for people, in the browser's language and time zone.

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 2 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const since = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

export const count = (value: number): string => whole.format(value);
export const compact = (value: number): string => (value < 10_000 ? whole.format(value) : short.format(value));
/** A share: 0.0312 becomes 3.12 %. */
export const share = (value: number): string => percent.format(value);

/** What the API gives as a time: seconds since 1970, ISO 8601, or the form of mail. */
export type Time = number | string | null | undefined;

export function date(time: Time): Date | null {
  if (time === null || time === undefined || time === "") return null;
  const found = new Date(typeof time === "number" ? time * 1000 : zoned(time));
  // The year 1 is how programs in Go write that there is no time.
  return Number.isNaN(found.valueOf()) || found.getUTCFullYear() < 1970 ? null : found;
}

// Some operations give UTC without saying so.
const zoned = (text: string) => (/^\d{4}-\d\d-\d\dT[\d:.]+$/.test(text) ? `${text}Z` : text);

export function when(time: Time): string {
  const found = date(time);
  return found ? moment.format(found) : "–";
}

export function clockTime(time: Time): string {
  const found = date(time);
  return found ? clock.format(found) : "–";
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** "5 min. ago", "in 2 hr." */
export function ago(time: Time, now = Date.now()): string {
  const found = date(time);
  if (!found) return "–";
  const seconds = (found.valueOf() - now) / 1000;
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return since.format(Math.round(seconds / size), unit);
}

/** A length of time: 0.25 becomes "250 ms", 90 "1 min 30 s". */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.round((seconds % 86400) / 3600)} h`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(1)} KB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}
