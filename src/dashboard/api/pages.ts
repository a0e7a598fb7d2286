import { useMemo, useState } from 'preact/hooks'
import { type Resource, useResource } from './resource.ts'

/** A page of a list, with the cursor of the next one where there may be more. */
export interface ListPage<T> {
  readonly items: readonly T[]
  readonly cursor?: string | undefined
}

/** A list that is loaded page by page. */
export interface Pages<T> {
  /** The first page, which is loaded again and updated; its `data` has all that is shown. */
  readonly list: Resource<readonly T[]>
  /** There may be more. */
  readonly hasMore: boolean
  /** Load the next page. Rejects with why it could not be loaded. */
  readonly more: () => Promise<void>
}

interface Later<T> {
  readonly items: readonly T[]
  readonly cursor: string | undefined
}

/**
 * The first page when the component appears, and whenever one of `inputs` changes; the others when they are asked for.
 * One that has moved to the first page since is shown there alone.
 */
export function usePages<T>(
  load: (cursor: string | undefined, signal: AbortSignal | undefined) => Promise<ListPage<T>>,
  inputs: readonly unknown[],
  nameOf: (one: T) => string,
): Pages<T> {
  const first = useResource((signal) => load(undefined, signal), inputs)
  const [later, setLater] = useState<{ readonly key: unknown; readonly value: Later<T> }>()
  const key = useMemo(() => ({}), inputs)
  const own = later?.key === key ? later.value : undefined
  const data = first.data && joined(first.data.items, own?.items ?? [], nameOf)
  const cursor = own ? own.cursor : first.data?.cursor
  const more = async (): Promise<void> => {
    if (cursor === undefined) return
    const page = await load(cursor, undefined)
    setLater({ key, value: { items: [...(own?.items ?? []), ...page.items], cursor: page.cursor } })
  }
  const update = (change: (items: readonly T[]) => readonly T[]): void =>
    first.update((page) => ({ ...page, items: change(page.items) }))
  return { list: { ...first, data, update }, hasMore: cursor !== undefined, more }
}

function joined<T>(first: readonly T[], later: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const names = new Set(first.map(nameOf))
  return [...first, ...later.filter((one) => !names.has(nameOf(one)))]
}
