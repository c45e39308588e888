// Questions to the server. An answer that a later question has made stale is dropped.

export class Refused extends Error {}
export class Unreachable extends Error {}
export class Unknown extends Error {} // the server wants a token, or another one

/** For as long as this tab is open. */
export const keepToken = (token) => sessionStorage.setItem("token", token);

function headers(body) {
  const token = sessionStorage.getItem("token");
  return {
    ...(body ? { "content-type": "application/json" } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
}

async function ask(path, body, signal) {
  let response;
  try {
    response = await fetch(`page/api/${path}`, {
      method: body ? "POST" : "GET",
      headers: headers(body),
      body: body && JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) throw new Unknown();
  if (response.status === 503) throw new Unreachable();
  if (!response.ok) throw new Refused(answer.error || `the server answered ${response.status}`);
  return answer;
}

/** A channel answers its latest question; those before it are given up. */
export function channel() {
  let running = null;
  return async (path, body) => {
    running?.abort();
    const own = (running = new AbortController());
    const answer = await ask(path, body, own.signal);
    if (own.signal.aborted) throw new DOMException("stale", "AbortError");
    return answer;
  };
}

export const models = async () => (await ask("models")).models;

export const isStale = (error) => error.name === "AbortError";
