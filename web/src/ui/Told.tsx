// What came of something that was done.
import type { ReactNode } from "react";

/** A line that is read out when it appears; nothing while there is nothing to say. */
export function Told({ children, tone = "good" }: { children?: ReactNode; tone?: "good" | "warn" | "bad" }) {
  return (
    <div role="status">
      {children && <div className={`told ${tone}`}>{children}</div>}
    </div>
  );
}

/** A secret that is shown once. */
export function Secret({ children }: { children: ReactNode }) {
  return (
    <Told tone="warn">
      <div className="stack">{children}</div>
    </Told>
  );
}
