// Whether a page in a frame is shown as on a desktop or on a phone.
import { type ReactNode, useState } from "react";

import { Button } from "./Basics";

/** `children` make the frame, for the class of the width that is chosen; `note` stands beside the choice. */
export function Widths({ note, children }: { note?: string; children: (width: string) => ReactNode }) {
  const [width, setWidth] = useState<"desktop" | "phone">("desktop");
  return (
    <div className="stack">
      <div className="row" role="group" aria-label="Width">
        {(["desktop", "phone"] as const).map((each) => (
          <Button key={each} look={each === width ? "main" : "plain"} aria-pressed={each === width} onPress={() => setWidth(each)}>
            {each === "phone" ? "Phone" : "Desktop"}
          </Button>
        ))}
        {note && <span className="quiet-text">{note}</span>}
      </div>
      {children(width)}
    </div>
  );
}
