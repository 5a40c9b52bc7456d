// Lists that the server gives in pages, each with links to those beside it; and asking again after a change.
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";

import { useFilters } from "../ui/url";
import { call } from "./client";

/** What a path answers, kept up to date; null: nothing is asked yet. */
export function useGet<T>(path: string | null, options: { still?: boolean } = {}) {
  return useQuery({
    queryKey: ["path", path],
    queryFn: async ({ signal }) => (await (await call(path!, { signal })).json()) as T,
    enabled: path !== null,
    placeholderData: keepPreviousData,
    meta: options.still ? { still: true } : undefined,
  });
}

/** Ask again for everything on the page: something was changed just now. */
export function useRefresh(): () => Promise<void> {
  const cache = useQueryClient();
  return () => cache.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" });
}

export interface Paged<T> {
  items: T[];
  paging: { next: string; previous: string };
}

/**
 * One page of a list at `path` with `query`. Where one is in the list stands in the address as `name`; a filter that
 * changes has to take it out. `steps` goes to `Table`.
 */
export function usePages<T>(path: string, query: Record<string, string> = {}, name = "at", size = 100) {
  const [filters, change] = useFilters();
  const first = new URLSearchParams(Object.entries({ ...query, limit: String(size) }).filter(([, value]) => value));
  const request = `${path}?${filters[name] || first.toString()}`;
  const answer = useGet<Paged<T>>(request);
  const to = (link: string | undefined) => () => change({ [name]: link ? new URL(link, location.origin).search.slice(1) : "" });
  const paging = answer.data?.paging;
  const full = (answer.data?.items.length ?? 0) >= size;
  const steps = {
    next: full ? to(paging?.next) : undefined,
    previous: filters[name] ? (answer.data?.items.length ? to(paging?.previous) : to(undefined)) : undefined,
  };
  return { ...answer, items: answer.data?.items, request, steps };
}

/** All items of a list, page by page, for a file; at most `most`. */
export async function everything<T>(path: string, most = 100_000): Promise<T[]> {
  const found: T[] = [];
  for (let next = `${path}?limit=1000`; found.length < most; ) {
    const page = (await (await call(next)).json()) as Paged<T>;
    if (!page.items.length) break;
    found.push(...page.items);
    const link = new URL(page.paging.next, location.origin);
    next = link.pathname + link.search;
  }
  return found;
}

/** Send JSON and read the answer. */
export async function send<T = { message?: string }>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  const text = await (await call(path, init)).text();
  return (text ? JSON.parse(text) : {}) as T;
}

/** A part of a path. */
export const seg = encodeURIComponent;
