// A message as its reader sees it, in a frame that may do nothing: what is in it comes from strangers.
import { useState } from "react";

import { actingFor } from "../api/client";
import { Button } from "./Basics";
import { href } from "./url";

/** `path` answers with a page under a policy of its own (sandbox, nothing from outside). */
export function Preview({ path }: { path: string }) {
  const [width, setWidth] = useState<"desktop" | "phone">("desktop");
  const address = href(path, { on_behalf_of: actingFor() });
  return (
    <div className="stack">
      <div className="row" role="group" aria-label="Width">
        {(["desktop", "phone"] as const).map((each) => (
          <Button key={each} look={each === width ? "main" : "plain"} aria-pressed={each === width} onPress={() => setWidth(each)}>
            {each === "phone" ? "Phone" : "Desktop"}
          </Button>
        ))}
        <span className="quiet-text">Pictures from outside are not loaded: that would count as an open.</span>
      </div>
      <iframe className={`preview ${width}`} title="The message as its reader sees it" sandbox="" src={address} referrerPolicy="no-referrer" />
    </div>
  );
}
