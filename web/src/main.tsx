import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode, type ComponentType } from "react";
import { createRoot } from "react-dom/client";
import { I18nProvider, RouterProvider } from "react-aria-components";
import { Route, Router, Switch, useLocation } from "wouter";

import { ApiError } from "./api/client";
import { useSession } from "./api/session";
import { pages } from "./pages/registry";
import { Shell } from "./shell/Shell";
import { SignIn } from "./shell/SignIn";
import { applyTheme } from "./shell/theme";
import { Empty, Head, Loading, Problem } from "./ui/Basics";
import "./style/base.css";
import "./style/parts.css";
import "./style/shell.css";
import "./style/pages.css";

applyTheme();

const cache: QueryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused stays refused; a server that restarts is back soon.
      retry: (failures, error) => failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
      refetchOnWindowFocus: false,
    },
  },
  queryCache: new QueryCache({
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401) cache.setQueryData(["session"], null);
    },
  }),
});

// The page that was asked for is fetched while it is still found out who asks.
void pages.find((page) => page.path === (location.pathname.replace(/^\/panel\/?/, "/") || "/"))?.load();

const routes: [string, ComponentType][] = pages.map((page) => [page.path, lazy(page.load)]);

function Missing() {
  return (
    <>
      <Head title="No such page" />
      <Empty title="There is nothing at this address.">
        <p>Search with Ctrl K, or choose a page on the left.</p>
      </Empty>
    </>
  );
}

function Panel() {
  const { data: session, error, isPending, refetch } = useSession();
  if (isPending) return <Loading />;
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  if (!session) return <SignIn />;
  return (
    <Shell session={session}>
      <Switch>
        {routes.map(([path, component]) => (
          <Route key={path} path={path} component={component} />
        ))}
        <Route component={Missing} />
      </Switch>
    </Shell>
  );
}

/** The component library's links go through our router. */
function Links({ children }: { children: React.ReactNode }) {
  const [, navigate] = useLocation();
  return <RouterProvider navigate={(to) => navigate(to)}>{children}</RouterProvider>;
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={cache}>
      <I18nProvider locale={navigator.language}>
        <Router base="/panel">
          <Links>
            <Panel />
          </Links>
        </Router>
      </I18nProvider>
    </QueryClientProvider>
  </StrictMode>,
);
