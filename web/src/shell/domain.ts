// The domain that pages are about: in the address when it was chosen there, else the one used last.
import { useMemo } from "react";

import { queries } from "../api/client";
import { useFilters } from "../ui/url";

const KEY = "postwright.domain";

/** The account's domains by name, up to a thousand; undefined while they load. */
export function useDomains() {
  const { data, error } = queries.useQuery("get", "/v4/domains", { params: { query: { limit: 1000, sort: "name:asc" } } });
  return { domains: useMemo(() => data?.items.map((each) => each.name), [data]), infos: data?.items, error };
}

/** The chosen domain ("" while it is not known, or when there is none), and how to choose another. */
export function useDomain(): [string, (name: string) => void] {
  const [filters, change] = useFilters();
  const { domains } = useDomains();
  const kept = localStorage.getItem(KEY) ?? "";
  // The sandbox domain is the last choice: whoever has another one works with that.
  const found = domains?.includes(kept) ? kept : (domains?.find((name) => !name.startsWith("sandbox")) ?? domains?.[0] ?? "");
  const choose = (name: string) => {
    localStorage.setItem(KEY, name);
    change({ domain: name, page: "" });
  };
  return [filters.domain || found, choose];
}
