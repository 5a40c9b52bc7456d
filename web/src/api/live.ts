// What changes while a page is open: the server's stream says that, and what is shown is asked for again.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { call } from "./client";

type State = "live" | "paused" | "offline";

const REFRESH_MS = 2000; // at most this often
const PAUSES = 10; // and at most a tenth of the time: who asks for much, or of a busy server, asks less often
let state: State = "offline";
const listeners = new Set<() => void>();

function set(next: State): void {
  if (state === next) return;
  state = next;
  listeners.forEach((told) => told());
}

export function pause(yes: boolean): void {
  set(yes ? "paused" : "offline");
}

export function useLiveState(): State {
  return useSyncExternalStore(
    (told) => {
      listeners.add(told);
      return () => listeners.delete(told);
    },
    () => state,
  );
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Read the stream once, until it ends. EventSource could not name the subaccount that is acted for. */
async function read(signal: AbortSignal, changed: () => void): Promise<void> {
  const response = await call("/postwright/v1/stream", { signal });
  set("live");
  changed(); // whatever happened while nobody listened
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    if (blocks.some((block) => block.startsWith("event: change"))) changed();
  }
}

/** Keep what is shown up to date, unless it is paused. Queries with `meta: { still: true }` stay as they are. */
export function useLive(account: string): void {
  const cache = useQueryClient();
  const paused = useLiveState() === "paused";
  useEffect(() => {
    if (paused) return;
    const end = new AbortController();
    let due: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    let took = 0;
    let missed = false; // changes while nobody looked
    const refresh = async () => {
      due = undefined;
      last = Date.now();
      await cache.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" && !query.meta?.still });
      took = Date.now() - last;
    };
    const changed = () => {
      missed = document.hidden;
      if (!missed) due ??= setTimeout(() => void refresh(), Math.max(0, last + Math.max(REFRESH_MS, took * PAUSES) - Date.now()));
    };
    const looked = () => {
      if (missed) changed();
    };
    document.addEventListener("visibilitychange", looked);
    void (async () => {
      for (let pauses = 1; !end.signal.aborted; ) {
        try {
          await read(end.signal, changed);
          pauses = 1;
        } catch {
          if (end.signal.aborted) return;
          set("offline");
          await wait(Math.min(30, pauses) * 1000);
          pauses *= 2;
        }
      }
    })();
    return () => {
      end.abort();
      document.removeEventListener("visibilitychange", looked);
      clearTimeout(due);
    };
  }, [cache, paused, account]);
}
