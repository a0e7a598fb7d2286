import { type Signal, signal } from '../api/signal.ts'

/** Where the user is: all of it is in the URL behind `#`, so that it can be shared, and goes back and forth. */
export interface Location {
  /** As `/jobs/019a…`, each segment decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

export const here: Signal<Location> = signal(parse(window.location.hash))
window.addEventListener('hashchange', look)

function look(): void {
  here.value = parse(window.location.hash)
}

/** The link to a page: `to('jobs', { state: 'FAILURE' })`, `to(['jobs', id])`. Words that are empty are left out. */
export function to(path: string | readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const segments = typeof path === 'string' ? (path === '' ? [] : [path]) : path
  const words = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') words.set(name, value)
  const text = words.toString()
  return `#/${segments.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`
}

export function go(link: string): void {
  window.location.hash = link
}

/** Change parts of the query; what is undefined or empty is left out. No step of the history, unless `push`. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>, { push = false } = {}): void {
  const { segments, query } = here.value
  const link = to(segments, { ...Object.fromEntries(query), ...changes })
  if (push) {
    go(link)
    return
  }
  window.history.replaceState(null, '', link)
  look()
}

function parse(text: string): Location {
  const [path = '', query = ''] = text.replace(/^#\/?/, '').split(/\?(.*)/s)
  const segments = path.split('/').filter((segment) => segment !== '')
  return { segments: segments.map(decoded), query: new URLSearchParams(query) }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    // A lone % that the user typed.
    return segment
  }
}
