interface Named {
  readonly name: string
}

/** Of a message that only says that the list is known. */
export const NO_CHANGES = { changed: [], gone: [] } as const

/** Which of a list have changed since they were sent last. */
export class Listed<Item extends Named> {
  readonly #isSame: (one: Item, other: Item) => boolean
  #sent: Map<string, Item> | undefined

  constructor(isSame: (one: Item, other: Item) => boolean) {
    this.#isSame = isSame
  }

  /** Undefined where nothing has changed. The first time, all have. */
  changes(items: readonly Item[]): { readonly changed: readonly Item[]; readonly gone: readonly string[] } | undefined {
    const sent = this.#sent
    const changed = items.filter((item) => {
      const known = sent?.get(item.name)
      return known === undefined || !this.#isSame(known, item)
    })
    const names = new Set(items.map(({ name }) => name))
    const gone = sent ? [...sent.keys()].filter((name) => !names.has(name)) : []
    const next = sent ?? new Map<string, Item>()
    for (const item of changed) next.set(item.name, item)
    for (const name of gone) next.delete(name)
    this.#sent = next
    return sent && changed.length === 0 && gone.length === 0 ? undefined : { changed, gone }
  }
}
