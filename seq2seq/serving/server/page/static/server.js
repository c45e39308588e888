// Questions to the server, and why they got no answer.

export class Refused extends Error {}
export class Unknown extends Error {} // the server wants a token, or another one

/** It may answer when it is asked again, `wait` milliseconds later. */
export class Later extends Error {
  constructor(message, wait) {
    super(message);
    this.wait = wait;
  }
}
export class Unreachable extends Later {}

const RETRY = 1500; // milliseconds until a server that does not answer is asked again

/** Whether it can be one: headers hold no other characters. */
export const isToken = (token) => /^[!-~]+$/.test(token);

/** For as long as this tab is open. */
export const keepToken = (token) => sessionStorage.setItem("token", token);

async function ask(path, body, signal) {
  const token = sessionStorage.getItem("token");
  const gone = new Unreachable("The server does not answer", RETRY);
  const response = await fetch(`page/api/${path}`, {
    method: body ? "POST" : "GET",
    headers: {
      ...(body ? { "content-type": "application/json" } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: body && JSON.stringify(body),
    signal,
  }).catch(() => { throw gone; });
  const answer = await response.json().catch(() => null);
  if (response.ok) {
    if (!answer) throw gone; // it went away while it answered
    return answer;
  }
  const message = answer?.error || `the server answered ${response.status}`;
  if (response.status === 401) {
    throw new Unknown(token ? "That token is not one of this server's" : "This server wants a token");
  }
  if (response.status === 429 || response.status === 503) {
    const seconds = Number(response.headers.get("retry-after")) || 0;
    throw new Later(`The server answers later: ${message}`, Math.max(RETRY, 1000 * seconds));
  }
  throw new Refused(message);
}

/**
 * Asks after `delay` milliseconds. The function it gives takes the question back: from then on
 * neither its answer nor its failure is heard of.
 */
export function question({ path, body, delay = 0, use, failed }) {
  const taken = new AbortController();
  const heard = (listener) => (found) => taken.signal.aborted || listener(found);
  const timer = setTimeout(() => {
    ask(path, body, taken.signal).then(heard(use), heard(failed));
  }, delay);
  return () => { clearTimeout(timer); taken.abort(); };
}
