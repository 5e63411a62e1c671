// Shows what openapi.json says: each route with its parameters, body and answers. Text is set as text.

function h(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat().filter((each) => each !== null && each !== undefined));
  return made;
}

function shape(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(shape).join(" or ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(", ");
  if (schema.type === "array") return `list of ${shape(schema.items) || "values"}`;
  if (schema.type === "object" && schema.additionalProperties) return `map to ${shape(schema.additionalProperties) || "values"}`;
  return String(schema.type ?? "");
}

function rows(title, lines) {
  if (!lines.length) return null;
  return [h("h4", {}, title), h("table", {}, ...lines.map((cells) => h("tr", {}, ...cells.map((cell, at) => h(at ? "td" : "th", at ? {} : {scope: "row"}, cell)))))];
}

const bodyOf = (part) => Object.entries(part?.content ?? {})[0];

function route(path, method, said) {
  const [, body] = bodyOf(said.requestBody) ?? [];
  return h("details", {id: said.operationId},
    h("summary", {}, h("b", {}, method.toUpperCase()), h("code", {}, path), ` ${said.summary ?? ""}`),
    said.description ? h("p", {}, said.description) : null,
    rows("Parameters", (said.parameters ?? []).map((each) => [`${each.name} (${each.in})`, shape(each.schema), each.description ?? ""])),
    body ? [h("h4", {}, `Body: ${shape(body.schema)}`), body.example ? h("pre", {tabindex: "0"}, JSON.stringify(body.example, null, 2)) : null] : null,
    rows("Answers", Object.entries(said.responses).map(([status, each]) => {
      const [kind, content] = bodyOf(each) ?? [];
      return [status, each.description, content ? `${shape(content.schema)} (${kind})` : ""];
    })));
}

function struct(name, schema) {
  const required = new Set(schema.required ?? []);
  return h("details", {id: `schema-${name}`},
    h("summary", {}, h("code", {}, name), ` ${schema.description ?? ""}`),
    rows("Fields", Object.entries(schema.properties ?? {}).map(([field, each]) => [field, shape(each), required.has(field) ? "" : "may be left out"])));
}

const place = document.getElementById("routes");
try {
  const api = await (await fetch("/openapi.json")).json();
  const groups = new Map();
  for (const [path, operations] of Object.entries(api.paths))
    for (const [method, said] of Object.entries(operations)) {
      const tag = said.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), route(path, method, said)]);
    }
  for (const [tag, routes] of groups) place.append(h("h2", {}, tag), ...routes);
  place.append(h("h2", {}, "Schemas"), ...Object.entries(api.components.schemas).map(([name, schema]) => struct(name, schema)));
} catch {
  place.append(h("p", {role: "alert"}, "The description cannot be read now."));
}
place.removeAttribute("aria-busy");
