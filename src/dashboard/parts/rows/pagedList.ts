import { type Signal, signal } from '../../api/signal.ts'

/** A part of a list, and where the next one begins. */
export interface Portion<T> {
  readonly items: readonly T[]
  /** Undefined: this is the end. */
  readonly cursor?: string | undefined
}

export type LoadPortion<T> = (cursor: string | undefined, limit: number, stop: AbortSignal) => Promise<Portion<T>>

/** `waiting`: some answers had nothing, and the user has to say whether the search goes on. */
export type ListState = 'loading' | 'idle' | 'waiting' | 'ended' | 'failed'

interface Page<T> {
  readonly cursor: string | undefined
  readonly size: number
  /** Index of its first item in the list. */
  first: number
  /** Undefined: dropped, and loaded again by its cursor where it is seen. */
  items: readonly T[] | undefined
}

/** Items of one request; more where the user has scrolled far ahead. */
const PORTION = 200
const MAX_PORTION = 1000
/** Items that are kept in memory beside the first page: others are loaded again when they are seen. */
const MAX_KEPT = 5000
/** Answers in a row that may have nothing before the user is asked. */
const MAX_VAIN = 8

/** A list of any length that comes by cursor: loaded ahead of what is seen, and kept near it alone. */
export class PagedList<T> {
  /** Changes with every change of the list. */
  readonly version: Signal<number> = signal(0)
  error: Error | undefined
  readonly #load: LoadPortion<T>
  readonly #nameOf: (item: T) => string
  #pages: Page<T>[] = []
  #next: string | undefined
  #state: ListState = 'loading'
  #seen = { first: 0, end: 0 }
  #vain = 0
  #stop = new AbortController()
  #isRestarting = false
  #isDueAgain = false
  readonly #reloading = new Set<Page<T>>()

  /** `nameOf`: what stays the same of an item that changes. */
  constructor(load: LoadPortion<T>, nameOf: (item: T) => string) {
    this.#load = load
    this.#nameOf = nameOf
  }

  get state(): ListState {
    return this.#state
  }

  /** Items that have been loaded, also those that were dropped. */
  get count(): number {
    const last = this.#pages.at(-1)
    return last ? last.first + last.size : 0
  }

  /** Undefined: it is not in memory. */
  at(index: number): T | undefined {
    const page = this.#pageAt(index)
    return page?.items?.[index - page.first]
  }

  /** The items that are in memory, of one page after the other. */
  *kept(): Generator<T> {
    for (const { items } of this.#pages) if (items) yield* items
  }

  /** The list is shown until this one has come; all behind its first part is loaded again. */
  async restart(): Promise<void> {
    if (this.#isRestarting) {
      // What is on its way may be from before; to end it each time would show nothing at all.
      this.#isDueAgain = true
      return
    }
    this.#stop.abort()
    this.#stop = new AbortController()
    const { signal: stop } = this.#stop
    this.#isRestarting = true
    this.#reloading.clear()
    try {
      const portion = await this.#load(undefined, PORTION, stop)
      if (stop.aborted) return
      this.#pages = []
      this.#vain = 0
      this.#state = 'idle'
      this.error = undefined
      this.#isRestarting = false
      this.#append(undefined, portion)
      if (this.#isDueAgain) {
        this.#isDueAgain = false
        void this.restart()
      } else this.#fill()
    } catch (error) {
      if (stop.aborted) return
      this.#isRestarting = false
      this.#isDueAgain = false
      this.#fail(error as Error)
    }
  }

  /** These are seen: load what is missing around them, and drop what is far away. */
  see(first: number, end: number): void {
    this.#seen = { first, end }
    this.#fill()
  }

  /** After `waiting` or `failed`. */
  goOn(): void {
    this.#vain = 0
    this.error = undefined
    if (this.#pages.length === 0) {
      void this.restart()
      return
    }
    this.#state = 'idle'
    this.#changed()
    this.#fill()
  }

  /** Load what is seen again, in place. */
  refresh(): void {
    const { first, end } = this.#seen
    for (const page of this.#pages)
      if (page.items && page.first < end && page.first + page.size > first) void this.#reload(page)
  }

  /** Put what `change` returns in place of each item that is in memory. */
  update(change: (item: T) => T): void {
    for (const page of this.#pages) {
      const { items } = page
      const next = items?.map(change)
      if (items && next?.some((item, at) => item !== items[at])) page.items = next
    }
    this.#changed()
  }

  /** New items come first. */
  prepend(items: readonly T[]): void {
    const [head] = this.#pages
    const all = [...items, ...(head?.items ?? [])]
    this.#pages = [{ cursor: undefined, size: all.length, first: 0, items: all }, ...this.#pages.slice(1)]
    this.#number()
    this.#changed()
  }

  /** Items of the first page, which is always in memory. */
  get headSize(): number {
    return this.#pages[0]?.size ?? 0
  }

  close(): void {
    this.#stop.abort()
  }

  #pageAt(index: number): Page<T> | undefined {
    let low = 0
    let high = this.#pages.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const page = this.#pages[middle] as Page<T>
      if (index < page.first) high = middle - 1
      else if (index >= page.first + page.size) low = middle + 1
      else return page
    }
    return undefined
  }

  #fill(): void {
    if (this.#isRestarting || this.#state === 'failed' || this.#pages.length === 0) return
    const { first, end } = this.#seen
    for (const page of this.#pages)
      if (!page.items && page.first < end + PORTION && page.first + page.size > first - PORTION) void this.#reload(page)
    this.#drop()
    if (this.#state === 'idle' && end + PORTION > this.count) void this.#loadNext()
  }

  async #loadNext(): Promise<void> {
    const { signal: stop } = this.#stop
    // The user has scrolled faster than it was loaded.
    const limit = this.#seen.end >= this.count ? MAX_PORTION : PORTION
    this.#state = 'loading'
    const cursor = this.#next
    try {
      const portion = await this.#load(cursor, limit, stop)
      if (stop.aborted) return
      this.#state = 'idle'
      this.#append(cursor, portion)
      this.#fill()
    } catch (error) {
      if (!stop.aborted) this.#fail(error as Error)
    }
  }

  #append(cursor: string | undefined, { items, cursor: next }: Portion<T>): void {
    if (items.length > 0 || this.#pages.length === 0)
      this.#pages.push({ cursor, size: items.length, first: this.count, items })
    this.#next = next
    this.#vain = items.length === 0 ? this.#vain + 1 : 0
    if (next === undefined) this.#state = 'ended'
    else if (this.#vain >= MAX_VAIN) this.#state = 'waiting'
    this.#changed()
  }

  async #reload(page: Page<T>): Promise<void> {
    if (this.#reloading.has(page)) return
    const { signal: stop } = this.#stop
    this.#reloading.add(page)
    try {
      const { items } = await this.#load(page.cursor, Math.min(MAX_PORTION, page.size), stop)
      if (stop.aborted || !this.#pages.includes(page)) return
      page.items = this.#inPlace(page, items)
      this.#changed()
    } catch (error) {
      if (!stop.aborted) this.#fail(error as Error)
    } finally {
      this.#reloading.delete(page)
    }
  }

  /** No row moves: what is shown changes, and what was dropped comes back. */
  #inPlace({ items: shown, size }: Page<T>, items: readonly T[]): readonly T[] {
    if (!shown) return items.slice(0, size)
    const fresh = new Map(items.map((item) => [this.#nameOf(item), item]))
    return shown.map((item) => fresh.get(this.#nameOf(item)) ?? item)
  }

  /** The pages that are farthest from what is seen go first. */
  #drop(): void {
    const middle = (this.#seen.first + this.#seen.end) / 2
    const away = (page: Page<T>): number => Math.abs(page.first + page.size / 2 - middle)
    const loaded = this.#pages.slice(1).filter(({ items }) => items)
    let kept = loaded.reduce((sum, { size }) => sum + size, 0)
    if (kept <= MAX_KEPT) return
    for (const page of loaded.sort((a, b) => away(b) - away(a))) {
      if (kept <= MAX_KEPT) return
      page.items = undefined
      kept -= page.size
    }
  }

  #number(): void {
    let first = 0
    for (const page of this.#pages) {
      page.first = first
      first += page.size
    }
  }

  #fail(error: Error): void {
    this.#state = 'failed'
    this.error = error
    this.#changed()
  }

  #changed(): void {
    this.version.value++
  }
}
