// A message as its reader sees it, in a frame that may do nothing: what is in it comes from strangers.
import { actingFor } from "../api/client";
import { href } from "./url";
import { Widths } from "./Widths";

/** `path` answers with a page under a policy of its own (sandbox, nothing from outside). */
export function Preview({ path }: { path: string }) {
  const address = href(path, { on_behalf_of: actingFor() });
  return (
    <Widths note="Pictures from outside are not loaded: that would count as an open.">
      {(width) => (
        <iframe className={`preview ${width}`} title="The message as its reader sees it" sandbox="" src={address} referrerPolicy="no-referrer" />
      )}
    </Widths>
  );
}
