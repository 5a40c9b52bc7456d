// What surrounds every page: navigation, the account, search, live updates, light and dark.
import { Suspense, useEffect, useState, type ReactNode } from "react";
import { Button as AriaButton, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Link, useLocation, useRoute } from "wouter";

import { actFor, actingFor, queries } from "../api/client";
import { pause, useLive, useLiveState } from "../api/live";
import { useSigning, type Session } from "../api/session";
import { pages, type Page } from "../pages/registry";
import { Button, Choice, Loading } from "../ui/Basics";
import { Palette } from "./Palette";
import { setTheme, theme, type Theme } from "./theme";

const GROUPS = ["Overview", "Mail", "Audience", "Content", "Sending", "Account"] as const;

export function Shell({ session, children }: { session: Session; children: ReactNode }) {
  const [menuOpen, setMenuOpen] = useState(false);
  const [searching, setSearching] = useState(false);
  const [location] = useLocation();
  useLive(actingFor());
  useEffect(() => {
    setMenuOpen(false);
    document.getElementById("content")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the page
      </a>
      <header className="bar">
        <AriaButton className="button quiet menu-button" aria-expanded={menuOpen} aria-controls="navigation" onPress={() => setMenuOpen(!menuOpen)}>
          Menu
        </AriaButton>
        <Link href="/" className="brand">
          Postwright
        </Link>
        <AriaButton className="button search-button" onPress={() => setSearching(true)}>
          <span>Search</span> <kbd>Ctrl K</kbd>
        </AriaButton>
        <span className="spring" />
        <Live />
        <Person session={session} />
      </header>
      <nav id="navigation" aria-label="Pages" className={menuOpen ? "open" : ""}>
        <Account session={session} />
        {GROUPS.map((group) => {
          const mine = pages.filter((page) => page.group === group);
          return (
            mine.length > 0 && (
              <div key={group} role="group" aria-label={group}>
                <p className="nav-group">{group}</p>
                {mine.map((page) => (
                  <NavLink key={page.path} page={page} />
                ))}
              </div>
            )
          );
        })}
      </nav>
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<Loading />}>{children}</Suspense>
      </main>
      <Palette open={searching} onOpenChange={setSearching} />
    </div>
  );
}

function NavLink({ page }: { page: Page }) {
  const [here] = useRoute(page.path);
  return (
    <Link href={page.path} aria-current={here ? "page" : undefined}>
      {page.title}
    </Link>
  );
}

function Live() {
  const state = useLiveState();
  const paused = state === "paused";
  return (
    <AriaButton className={`button quiet live is-${state}`} aria-pressed={paused} onPress={() => pause(!paused)}>
      <span className="dot" aria-hidden="true" />
      {{ live: "Live", paused: "Paused", offline: "Connecting" }[state]}
    </AriaButton>
  );
}

const THEMES: [Theme, string][] = [
  ["auto", "Light or dark as this machine"],
  ["light", "Light"],
  ["dark", "Dark"],
];

function Person({ session }: { session: Session }) {
  const { signOut } = useSigning();
  const name = session.user?.name || session.user?.email || "Account";
  return (
    <MenuTrigger>
      <Button look="quiet">{name}</Button>
      <Popover className="popover" placement="bottom end">
        <Menu
          className="menu"
          onAction={(key) => {
            if (key === "out") void signOut();
            else setTheme(key as Theme);
          }}
        >
          {THEMES.map(([key, text]) => (
            <MenuItem key={key} id={key} textValue={text} className="menu-item">
              {text}
              {theme() === key ? " ✓" : ""}
            </MenuItem>
          ))}
          <MenuItem id="out" className="menu-item">
            Sign out
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** The account, and a choice when there are subaccounts. */
function Account({ session }: { session: Session }) {
  const { data } = queries.useQuery(
    "get",
    "/v5/accounts/subaccounts",
    { params: { query: { limit: 100 } } },
    { retry: false, meta: { still: true } },
  );
  const children = data?.subaccounts ?? [];
  if (!children.length) return <p className="account">{session.account.name}</p>;
  return (
    <Choice
      label="Account"
      value={actingFor()}
      onChange={(event) => {
        actFor(event.target.value);
        // The whole page anew: nothing that was loaded, or is being loaded, is the other account's.
        location.assign("/panel/");
      }}
      options={[["", session.account.name], ...children.map((child): [string, string] => [child.id, child.name])]}
    />
  );
}
