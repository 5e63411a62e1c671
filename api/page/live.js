// The event stream: server-sent events over fetch, so that a token can go with it. It resumes after the
// last id that it has seen, and tries again for ever, a little less often each time.

import {address, headers, health, Refused} from "./client.js";

const FIRST_MS = 400, LONGEST_MS = 8_000, QUIET_MS = 45_000;

export class Live {
  /** `heard(kind, data)` for each event; `stood(state)`: "live", "waiting" or "lost". */
  constructor(heard, stood) {
    this.heard = heard;
    this.stood = stood;
    this.last = "";
    this.closed = false;
    this.wait_ms = FIRST_MS;
    addEventListener("online", () => this.hurry?.());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry?.());
    this.run();
  }

  close() {
    this.closed = true;
    this.stopper?.abort();
    this.hurry?.();
  }

  async run() {
    this.stood("waiting");
    while (!this.closed) {
      try {
        await this.listen();
      } catch (error) {
        if (this.closed) return;
        if (error.status === 401 || error.status === 403) return this.stood("refused");
        if (error.isAway) health.tell(error);
      }
      if (this.closed) return;
      this.stood("lost");
      await new Promise((done) => {
        this.hurry = done;
        setTimeout(done, this.wait_ms * (0.75 + Math.random() / 2));
      });
      this.wait_ms = Math.min(this.wait_ms * 1.7, LONGEST_MS);
    }
  }

  async listen() {
    this.stopper = new AbortController();
    const resume = this.last ? {"Last-Event-ID": this.last} : {};
    let answer;
    try {
      answer = await fetch(address("events"), {
        headers: headers({Accept: "text/event-stream", ...resume}), signal: this.stopper.signal, cache: "no-store",
      });
    } catch {
      throw new Refused(0, "The server cannot be reached", "events");
    }
    if (!answer.ok) throw new Refused(answer.status, await words(answer), "events");
    this.stood("live");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const event = new Event_();
    for (;;) {
      const quiet = setTimeout(() => this.stopper.abort(), QUIET_MS);
      const {value, done} = await reader.read().finally(() => clearTimeout(quiet));
      if (done) return;
      this.wait_ms = FIRST_MS;
      for (const {id, kind, data} of event.lines(value)) {
        if (id !== null) this.last = id;
        if (data) this.heard(kind, JSON.parse(data));
        if (kind === "dropped") return;
      }
    }
  }
}

async function words(answer) {
  return (await answer.json().catch(() => ({}))).detail ?? answer.statusText;
}

/** What a stream's lines add up to; https://html.spec.whatwg.org/#event-stream-interpretation */
class Event_ {
  constructor() {
    this.rest = "";
    this.clear();
  }
  clear() {
    this.id = null;
    this.kind = "message";
    this.data = [];
  }
  * lines(text) {
    const all = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = all.pop();
    for (const line of all) {
      if (line === "") {
        yield {id: this.id, kind: this.kind, data: this.data.join("\n")};
        this.clear();
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === "id") this.id = value;
      else if (name === "event") this.kind = value;
      else if (name === "data") this.data.push(value);
    }
  }
}
