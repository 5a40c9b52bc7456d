// What a page shows is in its address: filters and places can be shared, and the way back works.
import { useParams, useSearchParams } from "wouter";

/** The search parameters as an object of texts, and a function to change some of them ("" takes one out). */
export function useFilters(): [Record<string, string>, (changes: Record<string, string>) => void] {
  const [params, setParams] = useSearchParams();
  const change = (changes: Record<string, string>) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes))
          if (value) next.set(name, value);
          else next.delete(name);
        return next;
      },
      { replace: true },
    );
  return [Object.fromEntries(params), change];
}

/** A parameter of the page's path, decoded: the router leaves in it what has a meaning in addresses (`@`, `/`, `+`, …). */
export function useParam(name: string): string {
  const given = useParams()[name] ?? "";
  return given.replace(/%(3B|2F|3F|3A|40|26|3D|2B|24|2C|23)/gi, decodeURIComponent);
}

/** A path with search parameters; empty ones are left out. */
export function href(path: string, params: Record<string, string | number | undefined> = {}): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}
