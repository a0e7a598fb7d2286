/* Whose code a call of a stack, or of a profile, is. */

/** `own`: of the application; `package`: of what it has installed; `node`: of Node; `engine`: of V8. */
export type FrameKind = 'own' | 'package' | 'node' | 'engine'

/** Of a place, as `/srv/tasks.ts:12`, and the name of the function. */
export function frameKind(place: string, name = ''): FrameKind {
  if (/^\(.*\)$/.test(name) && place === '') return 'engine'
  if (place === '' || /^(?:node:|<anonymous>)/.test(place)) return 'node'
  return /[\\/]node_modules[\\/]/.test(place) ? 'package' : 'own'
}

/** A URL of a script, and a line, as people read them. */
export function placeOf(url: string, line: number): string {
  if (url === '') return ''
  return `${url.startsWith('file://') ? decoded(url.slice('file://'.length)) : url}:${line}`
}

/** `tasks.ts:12` of `/srv/shop/tasks.ts:12`. */
export function shortPlace(place: string): string {
  return place.slice(Math.max(place.lastIndexOf('/'), place.lastIndexOf('\\')) + 1)
}

/** A call of a stack, as `encode (/srv/tasks.ts:12:5)` or its place alone. */
export function readFrame(text: string): { readonly name: string; readonly place: string; readonly kind: FrameKind } {
  const start = text.endsWith(')') ? text.lastIndexOf(' (') : -1
  const name = start === -1 ? '(anonymous)' : text.slice(0, start)
  const place = start === -1 ? text : text.slice(start + 2, -1)
  return { name, place, kind: frameKind(place) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone % in the name of a file.
    return text
  }
}
