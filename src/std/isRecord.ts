/**
 * True for an object with keys, as JSON and msgpack give it and code writes it, of any realm: no array, no date, no
 * bytes, no instance of a class.
 */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || isForeignRoot(prototype)
}

/** True for the Object.prototype of another realm (the REPL, vm contexts, test runners). */
function isForeignRoot(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}
