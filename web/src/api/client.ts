// The API's client: types come from the server's own description, see README.md.
import createClient, { type Middleware } from "openapi-fetch";
import createQueries from "openapi-react-query";

import type { paths } from "./schema";

/** A refusal of the server, in its own words. `status` 0: it could not be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const ACCOUNT = "postwright.account";
const BEHALF = "X-Mailgun-On-Behalf-Of";
let csrf = "";

/** The token that every request but a GET has to carry; it comes with the session. */
export function setCsrf(token: string | null): void {
  csrf = token ?? "";
}

/** The subaccount acted for; "" is one's own account. Kept for this tab. */
export function actingFor(): string {
  return sessionStorage.getItem(ACCOUNT) ?? "";
}

export function actFor(account: string): void {
  if (account) sessionStorage.setItem(ACCOUNT, account);
  else sessionStorage.removeItem(ACCOUNT);
}

/** The headers of a request of ours. */
export function ourHeaders(): Record<string, string> {
  const headers: Record<string, string> = { "X-CSRF-Token": csrf };
  if (actingFor()) headers[BEHALF] = actingFor();
  return headers;
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === "object" && "message" in body) return new ApiError(response.status, String(body.message));
  } catch {
    // not JSON: some refusals are plain text
  }
  return new ApiError(response.status, text.slice(0, 300) || `The server answered ${response.status}`);
}

const ours: Middleware = {
  onRequest({ request }) {
    // The session and the list of subaccounts belong to one's own account, whichever one acts for.
    const own = /^\/(postwright\/v1\/session|v5\/accounts\/subaccounts)/.test(new URL(request.url).pathname);
    for (const [name, value] of Object.entries(ourHeaders()))
      if (!request.headers.has(name) && !(own && name === BEHALF)) request.headers.set(name, value);
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await refusal(response);
    return response;
  },
  onError({ error }) {
    if (error instanceof ApiError) return error;
    return new ApiError(0, "The server cannot be reached. Is it running?");
  },
};

export const api = createClient<paths>({ baseUrl: location.origin });
api.use(ours);

/** Hooks over the same client: `queries.useQuery("get", "/v4/domains")`. */
export const queries = createQueries(api);

/** Any other request to the API, for what its description cannot express. Throws ApiError. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { ...ourHeaders(), ...init.headers } }).catch(() => {
    throw new ApiError(0, "The server cannot be reached. Is it running?");
  });
  if (!response.ok) throw await refusal(response);
  return response;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const behalf = () => (actingFor() ? ` -H ${quoted(`${BEHALF}: ${actingFor()}`)}` : "");

/** A request as a command for a terminal. The key is a variable: it never stands on the screen. */
export function curl(path: string, method = "GET", fields: [string, string][] = []): string {
  const verb = method === "GET" ? "" : ` -X ${method}`;
  const form = fields.map(([name, value]) => ` \\\n  --form-string ${quoted(`${name}=${value}`)}`).join("");
  return `curl -s --user "api:$POSTWRIGHT_API_KEY"${verb}${behalf()} ${quoted(location.origin + path)}${form}`;
}

/** The same for a request whose body is JSON. */
export function curlJson(path: string, body: unknown): string {
  return `curl -s --user "api:$POSTWRIGHT_API_KEY"${behalf()} -H 'Content-Type: application/json' \\\n  ${quoted(location.origin + path)} \\\n  -d ${quoted(JSON.stringify(body))}`;
}
