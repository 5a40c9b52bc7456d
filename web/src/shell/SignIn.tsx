import { useState, type FormEvent } from "react";

import { api, ApiError } from "../api/client";
import { useSigning } from "../api/session";
import { Button, Field, Problem } from "../ui/Basics";

/** The page for whoever is not signed in. The code is asked for when the server wants one. */
export function SignIn() {
  const { signIn } = useSigning();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [wantsCode, setWantsCode] = useState(false);
  const [forgotten, setForgotten] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setSaid("");
    try {
      if (forgotten) {
        const { data } = await api.POST("/postwright/v1/session/reset", { body: { email } });
        setSaid(data?.message ?? "");
      } else {
        await signIn(email, password, code);
      }
    } catch (problem) {
      // The first refusal that asks for a code is a question, not a mistake.
      const asks = problem instanceof ApiError && /code/i.test(problem.message);
      if (asks && !wantsCode) setWantsCode(true);
      else setError(problem);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)} className="card stack">
        <h1>{forgotten ? "Forgotten password" : "Sign in to Postwright"}</h1>
        <Field label="E-mail address" type="email" autoComplete="username" required autoFocus value={email} onChange={(event) => setEmail(event.target.value)} />
        {!forgotten && (
          <Field label="Password" type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
        )}
        {wantsCode && !forgotten && (
          <Field
            label="Code"
            hint="The six digits your authenticator shows, or a recovery code."
            autoComplete="one-time-code"
            inputMode="numeric"
            required
            autoFocus
            value={code}
            onChange={(event) => setCode(event.target.value)}
          />
        )}
        <Problem error={error} />
        {said && <p role="status">{said}</p>}
        <Button look="main" type="submit" busy={busy}>
          {forgotten ? "Mail me a link" : "Sign in"}
        </Button>
        <Button
          look="quiet"
          onPress={() => {
            setForgotten(!forgotten);
            setError(null);
            setSaid("");
          }}
        >
          {forgotten ? "Back to signing in" : "Forgotten password?"}
        </Button>
        <p className="quiet-text">
          No password yet? The first start of the server printed a link; <code>postwright create-user YOUR-ADDRESS</code> on its machine prints another.
        </p>
      </form>
    </main>
  );
}
