// A question in a dialog: the browser keeps the focus inside, and Escape ends it.

import {h} from "./dom.js";

/** Ask in a dialog; resolves to the form's values, or to null if nobody wants to. */
export function dialog(title, content, doing, wide = "") {
  return new Promise((done) => {
    const problem = h("p", {class: "note bad", role: "alert", hidden: true});
    const submit = h("button", {type: "submit", class: "main"}, doing.words);
    const form = h("form", {method: "dialog"}, h("h2", {id: "dialog-title"}, title), content, problem,
      h("div", {class: "ends"}, h("button", {type: "button", onclick: () => node.close()}, "Cancel"), submit));
    const node = h("dialog", {class: wide, "aria-labelledby": "dialog-title"}, form);
    let outcome = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      problem.hidden = true;
      try {
        outcome = await doing.act(new FormData(form));
        node.close();
      } catch (error) {
        problem.textContent = error.message;
        problem.hidden = false;
        submit.disabled = false;
      }
    });
    node.addEventListener("close", () => { node.remove(); done(outcome); });
    document.body.append(node);
    node.showModal();
  });
}
