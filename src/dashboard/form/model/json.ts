/** What JSON can hold; a bigint is an integer that a number does not hold exactly. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** Where a part of a value is: names of members, and numbers of items. */
export type Path = readonly (string | number)[]

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value)
}

/** A member of its own, whatever its name is. */
export function memberOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The same value; the order of members does not matter. */
export function isSame(a: unknown, b: unknown): boolean {
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a)
    return names.length === Object.keys(b).length && names.every((name) => isSame(a[name], memberOf(b, name)))
  }
  return a === b
}

/** JSON Pointer as a URI fragment, as the server names what is wrong: `#/tags/0`. */
export function pointerOf(path: Path): string {
  const steps = path.map((step) => `/${encodeURIComponent(wellFormed(escapeStep(String(step))))}`)
  return `#${steps.join('')}`
}

/** What a URI can hold: halves of a surrogate pair are replaced. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd')
}

function escapeStep(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The steps of a pointer, each as a text. */
export function stepsOf(pointer: string): readonly string[] {
  const [, ...steps] = pointer.split('/')
  return steps.map((step) => decoded(step).replaceAll('~1', '/').replaceAll('~0', '~'))
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    // A lone %.
    return step
  }
}
