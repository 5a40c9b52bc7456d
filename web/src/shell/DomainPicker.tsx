import { Choice } from "../ui/Basics";
import { useDomain, useDomains } from "./domain";

/** The choice of the domain that a page is about. */
export function DomainPicker() {
  const [domain, choose] = useDomain();
  const { domains } = useDomains();
  if (!domains?.length) return null;
  // An address may name a domain that is not in the list: it is shown, and the server says what is wrong with it.
  const names = domain && !domains.includes(domain) ? [domain, ...domains] : domains;
  return (
    <div className="domain-picker">
      <Choice label="Domain" value={domain} onChange={(event) => choose(event.target.value)} options={names.map((name) => [name, name])} />
    </div>
  );
}
