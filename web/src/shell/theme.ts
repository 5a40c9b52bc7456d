// Light, dark, or as the machine has it. The choice is kept in this browser.
export type Theme = "auto" | "light" | "dark";

const KEY = "postwright.theme";
const listeners = new Set<() => void>();
let changes = 0;

function told(): void {
  changes += 1;
  listeners.forEach((each) => each());
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function setTheme(next: Theme): void {
  if (next === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  applyTheme();
  told();
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

/** For useSyncExternalStore: a number that grows whenever colours may be others. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const themeNumber = (): number => changes;
