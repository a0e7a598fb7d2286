/**
 * An element: its properties (`class`, `for`, listeners as `onclick`, everything else an attribute) and its children.
 * Text is always text: nothing of a server's answer is ever read as HTML.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (name === 'value' || name === 'checked') element[name] = value
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false))
  return element
}

/** JSON for people, with strings, numbers and literals in different colours. */
export function jsonView(value, label) {
  const view = h('pre', { tabindex: 0, role: 'region', 'aria-label': label ?? 'JSON' })
  const text = JSON.stringify(value, null, 2) ?? ''
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g
  let from = 0
  for (const match of text.matchAll(token)) {
    view.append(text.slice(from, match.index))
    const [all, string, colon, number] = match
    if (string && colon) view.append(all)
    else view.append(h('span', { class: string ? 'j-string' : number ? 'j-number' : 'j-word' }, all))
    from = match.index + all.length
  }
  view.append(text.slice(from))
  return view
}
