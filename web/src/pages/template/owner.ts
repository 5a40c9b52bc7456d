// Whose templates are looked at: a domain's, or the account's.
import { seg } from "../../api/lists";
import { useDomain } from "../../shell/domain";
import { useFilters } from "../../ui/url";

/** The path of the templates' operations, and the search parameters that lead to the same owner. */
export function useOwner(): { path: string; domain: string; ofAccount: boolean; params: Record<string, string> } {
  const [filters] = useFilters();
  const [domain] = useDomain();
  const ofAccount = filters.owner === "account";
  const path = ofAccount ? "/v4/templates" : `/v3/${seg(domain)}/templates`;
  return { path, domain, ofAccount, params: ofAccount ? { owner: "account" } : { domain } };
}
