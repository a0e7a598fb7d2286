import { useEffect, useRef } from 'preact/hooks'
import type { LiveMessage } from '../../client/events.ts'
import type { LiveOptions } from '../../client/fleet/live.ts'
import type { LiveSubject } from '../../protocol/liveDocument.ts'
import { client } from './client.ts'
import { type Signal, signal, useValue } from './signal.ts'
import { isVisible } from './visible.ts'

/** Whether changes come now. `paused`: the tab is hidden. `broken`: the server does not answer, and is asked again. */
export type LiveState = 'off' | 'live' | 'paused' | 'broken'

/** Of the page that is shown; each page has at most one stream. */
export const liveState: Signal<LiveState> = signal('off')

/** Why something cannot be read, and since when, ms. */
export interface Trouble {
  readonly detail: string
  readonly since: number
}

/** What the stream says of its subjects that cannot be read now. */
export const troubles: Signal<Readonly<Partial<Record<LiveSubject, Trouble>>>> = signal({})

/** After a failure the stream is opened again, ms later. */
const AGAIN_MS = 3000

export interface LiveUse {
  /** Another stream is opened when this changes. */
  readonly watch: Omit<LiveOptions, 'signal' | 'lastEventId'>
  /** The stream has begun, or has left something out: load the whole. What happens from then on comes as messages. */
  readonly begin: () => unknown
  /** What has changed since the message before. */
  readonly change: (message: LiveMessage) => void
}

/** Follow changes as long as the component is there and the tab is visible. Undefined: nothing. */
export function useLive(use: LiveUse | undefined): void {
  const latest = useRef(use)
  latest.current = use
  const key = use && JSON.stringify(use.watch)
  const visible = useValue(isVisible)
  useEffect(() => {
    if (!use) return
    if (!visible) {
      liveState.value = 'paused'
      return
    }
    const stop = new AbortController()
    void follow(use.watch, latest, stop.signal)
    return () => {
      stop.abort()
      liveState.value = 'off'
      troubles.value = {}
    }
  }, [key, visible])
}

async function follow(
  watch: LiveUse['watch'],
  latest: { readonly current: LiveUse | undefined },
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    try {
      for await (const message of client.live({ ...watch, signal: stop })) {
        liveState.value = 'live'
        troubles.value = troublesAfter(message)
        if (message.kind === 'open' || message.kind === 'reset') latest.current?.begin()
        else latest.current?.change(message)
      }
    } catch {
      // What is wrong is shown by the page's own requests; `broken` says that nothing comes by itself.
      if (stop.aborted) return
      liveState.value = 'broken'
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** The next message of a subject says that it can be read again. */
function troublesAfter(message: LiveMessage): typeof troubles.value {
  const { value } = troubles
  if (message.kind === 'open') return {}
  if (message.kind === 'problem') return { ...value, [message.watch]: { detail: message.detail, since: Date.now() } }
  if (!(message.kind in value)) return value
  return Object.fromEntries(Object.entries(value).filter(([subject]) => subject !== message.kind))
}

/** A list with changes: each replaces the one of the same name, new ones come last, and some are gone. */
export function merged<T>(
  list: readonly T[],
  changed: readonly T[],
  gone: readonly string[],
  nameOf: (one: T) => string,
): readonly T[] {
  const left = new Map(changed.map((one) => [nameOf(one), one]))
  const away = new Set(gone)
  const kept = list.flatMap((one) => {
    const name = nameOf(one)
    if (away.has(name)) return []
    const newer = left.get(name)
    left.delete(name)
    return [newer ?? one]
  })
  return [...kept, ...left.values()]
}
