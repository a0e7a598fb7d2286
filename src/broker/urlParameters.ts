import { shownParameter } from '../std/url.ts'

/**
 * Parameters that other clients of a server accept in its URL and this one does not: each with what has the same effect
 * here, if anything has.
 */
export type IgnoredParameters = ReadonlyMap<string, string | undefined>

/** Names without an equivalent here. */
export function ignoring(names: string, replaced: Readonly<Record<string, string>> = {}): IgnoredParameters {
  const plain = names.split(/\s+/).map((name) => [name, undefined] as const)
  return new Map<string, string | undefined>([...plain, ...Object.entries(replaced)])
}

/**
 * Sort the parameters of a URL: those in `heeded` are for the caller; the names of those to be ignored are returned.
 * Throws the error that `wrong` makes of a name that no client knows: that is a typing error.
 */
export function ignoredIn(
  query: ReadonlyMap<string, string>,
  heeded: readonly string[],
  known: IgnoredParameters,
  wrong: (expected: string, got: string) => Error,
): readonly string[] {
  const others = [...query.keys()].filter((name) => !heeded.includes(name))
  const unknown = others.find((name) => !known.has(name))
  if (unknown === undefined) return others
  throw wrong(
    heeded.length > 0 ? `parameters ${heeded.join(', ')}` : 'no parameters',
    shownParameter(unknown, query.keys()),
  )
}

/** The one warning about parameters that are ignored. */
export function ignoredWarning(label: string, names: readonly string[], known: IgnoredParameters): string {
  const list = [...new Set(names)].map((name) => {
    const instead = known.get(name)
    return instead === undefined ? name : `${name} (${instead})`
  })
  return `${label}: parameters of the URL that change nothing here: ${list.join(', ')}`
}
