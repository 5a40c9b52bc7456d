// Who is signed in. The session itself is a cookie that no script can read.
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { api, ApiError, actFor, setCsrf } from "./client";
import type { components } from "./schema";

export type Session = components["schemas"]["SessionShown"];

const KEY = ["session"];

async function load(): Promise<Session | null> {
  try {
    const { data } = await api.GET("/postwright/v1/session");
    setCsrf(data?.csrf_token ?? null);
    return data ?? null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** The session; `data` is null when nobody is signed in. */
export function useSession() {
  return useQuery({ queryKey: KEY, queryFn: load, staleTime: Infinity, retry: false });
}

/** Signing in and out. Both forget everything that was loaded for somebody else. */
export function useSigning() {
  const cache = useQueryClient();
  const enter = (session: Session | null) => {
    actFor("");
    setCsrf(session?.csrf_token ?? null);
    cache.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
    cache.setQueryData(KEY, session);
  };
  return {
    async signIn(email: string, password: string, code: string): Promise<void> {
      const { data } = await api.POST("/postwright/v1/session", { body: { email, password, code } });
      enter(data ?? null);
    },
    async signOut(): Promise<void> {
      await api.DELETE("/postwright/v1/session");
      enter(null);
    },
  };
}
