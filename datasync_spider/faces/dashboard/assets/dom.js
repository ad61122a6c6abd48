// Makes and updates elements. Everything that is shown goes through here as text: nothing in this project ever parses
// markup from a string, so what an event or a server says cannot become any.

const ATTRIBUTES_WITH_CODE = /^on|^style$|^srcdoc$/;

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (ATTRIBUTES_WITH_CODE.test(name)) throw new Error(`attribute ${name} is not for here`);
    if (name === "href" && !/^[#/]/.test(value)) throw new Error("links stay on this page");
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// A page of another server, by an address that the server of this one has looked at: it learns nothing of this one.
export function elsewhere(url, text) {
  const { protocol, username, password } = new URL(url);
  if (!/^https?:$/.test(protocol) || username || password) throw new Error("no address to be sent to");
  const link = h("a", { rel: "noopener noreferrer external", target: "_blank" }, text);
  link.href = url;
  return link;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

// A foreign text within ours: whatever direction its letters run in, it does not reorder what stands around it.
export function foreign(text) {
  return h("bdi", {}, text);
}

// Brings the children of `parent` to one element an item, in order, and keeps those that were there: focus, selection
// and scroll position survive an update.
export function keyed(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) {
      old.delete(key);
    } else {
      child = create(item);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const child of old.values()) child.remove();
}
