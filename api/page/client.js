// The one way to the API. What a request comes to is JSON or a `Refused`, which says it in words.

const ROOT = new URL("api/v1/", document.baseURI);
const KEY = "foreshock.token";

export class Refused extends Error {
  /** `status` 0: there was no answer at all. */
  constructor(status, words, where) {
    super(words);
    this.status = status;
    this.where = where;
  }
  get isAway() { return this.status === 0 || this.status >= 500; }
}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "",
  keep(value, forLong) {
    token.drop();
    (forLong ? localStorage : sessionStorage).setItem(KEY, value);
  },
  drop() {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
  },
};

/** Told of every answer: `(null)` all is well, `(Refused)` the server or its store is away. */
export const health = {tell: () => {}};

export function headers(more = {}) {
  const held = token.get();
  return {Accept: "application/json", ...(held && {Authorization: `Bearer ${held}`}), ...more};
}

export function address(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), ROOT);
  for (const [name, value] of Object.entries(query))
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== "" && each !== null && each !== undefined) url.searchParams.append(name, each);
  return url;
}

async function call(method, path, {query, body, key, signal} = {}) {
  const url = address(path, query);
  const more = {...(body !== undefined && {"Content-Type": "application/json"}), ...(key && {"Idempotency-Key": key})};
  let answer, text;
  try {
    answer = await fetch(url, {
      method, signal, headers: headers(more), cache: "no-cache", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const refused = new Refused(0, "The server cannot be reached", url.pathname);
    health.tell(refused);
    throw refused;
  }
  if (!answer.ok) {
    const refused = new Refused(answer.status, wrong(text, answer), url.pathname);
    if (refused.isAway) health.tell(refused);
    throw refused;
  }
  health.tell(null);
  return text ? JSON.parse(text) : null;
}

function wrong(text, answer) {
  try {
    const said = JSON.parse(text);
    return String(said.detail || said.title || answer.statusText);
  } catch {
    return answer.statusText || `status ${answer.status}`;
  }
}

export const get = (path, query, signal) => call("GET", path, {query, signal});
/** Each asking has a key of its own, so that a repeat after a lost answer asks once. */
export async function ask(method, path, body, query) {
  const key = crypto.randomUUID ? crypto.randomUUID() : String(crypto.getRandomValues(new Uint32Array(4)));
  try {
    return await call(method, path, {body, key, query});
  } catch (error) {
    if (error.status !== 0) throw error;
    await new Promise((done) => setTimeout(done, 400));
    return call(method, path, {body, key, query});
  }
}
