// Where a token is needed. It is tried before it is kept, and goes nowhere but to this server.

import {get, token} from "../client.js";
import {h} from "../dom.js";

export function signIn(done) {
  const problem = h("p", {class: "note bad", role: "alert", hidden: true});
  const button = h("button", {type: "submit", class: "main"}, "Sign in");
  const form = h("form", {class: "card login", method: "post"},
    h("h1", {}, "Sign in"), h("p", {class: "soft"}, "This server asks for a token. An administrator makes one with ", h("code", {}, "foreshock token add"), "."),
    h("input", {type: "text", name: "username", autocomplete: "username", value: "token", hidden: true}), // for password managers
    h("label", {class: "field"}, h("span", {}, "Token"), h("input", {type: "password", name: "token", required: true, autocomplete: "current-password", maxlength: "4096"})),
    h("label", {class: "check"}, h("input", {type: "checkbox", name: "stay"}), "Stay signed in on this device"), problem, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    button.disabled = true;
    problem.hidden = true;
    token.keep(given.get("token").trim(), Boolean(given.get("stay")));
    try {
      await get("me");
      done();
    } catch (error) {
      token.drop();
      problem.textContent = error.status === 401 || error.status === 403 ? "This token is not known here, or it has expired." : error.message;
      problem.hidden = false;
      button.disabled = false;
    }
  });
  return h("div", {class: "login-room"}, form);
}
