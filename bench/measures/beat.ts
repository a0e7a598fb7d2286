import type { BeatFigures, BeatOrder } from '../children/beat.ts'
import { Child } from '../harness/child.ts'
import type { Conditions, Entrant, Figures } from '../harness/scenario.ts'
import type { Store } from '../stores/store.ts'
import { versionIn } from '../versions.ts'

/** 10,000 entries of which 1,000 are due at once. */
const FULL = { entries: 10_000, due: 1000, ticks: 5, every: 5 }
const QUICK = { entries: 1000, due: 100, ticks: 1, every: 2 }
/** Of the window, as little happens in it. */
const FACTOR = 2

const SEMANTICS = {
  ack: 'each due run becomes exactly one task, however many beats run',
  result: 'none',
  durable: 'entries and their last runs are in the store',
  events: 'none',
}

/** What a schedule costs while nothing is due, and how late tasks are sent that are due at once. */
export function beatEntrant(open: (conditions: Conditions) => Promise<Store>): Entrant {
  return {
    name: 'celeriac',
    semantics: SEMANTICS,
    async prepare(conditions) {
      await open(conditions)
      return versionIn(conditions.root)
    },
    async run(conditions) {
      const { url } = await (await open(conditions)).empty()
      const size = conditions.quick ? QUICK : FULL
      return measure({ url, root: conditions.root, idle: FACTOR * conditions.window, ...size })
    },
  }
}

async function measure(order: BeatOrder): Promise<Figures> {
  const child = new Child(new URL('../children/beat.ts', import.meta.url), order)
  try {
    const { start, cpu, memory, late } = await child.next<BeatFigures>()
    const latest = late.toSorted((a, b) => a - b)
    return {
      'start ms': start,
      'idle CPU %': cpu,
      'RSS MiB': memory,
      'least late tick, ms': latest[0] ?? Number.NaN,
      'latest tick, ms': latest.at(-1) ?? Number.NaN,
    }
  } finally {
    await child.end()
  }
}
