import type { EntryChange, ScheduleStore, StoredEntry, StoredRun } from '../stores/scheduleStore.ts'
import type { Sealer } from './sealer.ts'

/** A schedule whose entries and runs are sealed. One that cannot be opened stays as it is: its reader says so. */
export function sealedSchedule(inner: ScheduleStore, sealer: Sealer): ScheduleStore {
  const entry = (stored: StoredEntry): StoredEntry => ({
    ...stored,
    text: sealer.openText(stored.text, stored.name, 'schedule'),
  })
  const run = (stored: StoredRun): StoredRun => ({
    ...stored,
    text: sealer.openText(stored.text, stored.id, 'run'),
  })
  return {
    url: inner.url,
    list: async () => (await inner.list()).map(entry),
    load: async (names) => (await inner.load(names)).map((stored) => stored && entry(stored)),
    swap: async (changes, options) =>
      inner.swap(
        changes.map((change) => sealedChange(change, sealer)),
        options,
      ),
    untouched: () => inner.untouched(),
    due: async (now, limit) => {
      const due = await inner.due(now, limit)
      return { ...due, entries: due.entries.map(entry), waiting: due.waiting.map(entry) }
    },
    takeRuns: async (...given) => (await inner.takeRuns(...given)).map(run),
    endRuns: (ids) => inner.endRuns(ids),
    onChange: (listener) => inner.onChange(listener),
  }
}

function sealedChange(change: EntryChange, sealer: Sealer): EntryChange {
  const { name, to, runs } = change
  return {
    ...change,
    to: to && { ...to, text: sealer.sealText(to.text, name, 'schedule') },
    ...(runs && { runs: runs.map((one) => ({ ...one, text: sealer.sealText(one.text, one.id, 'run') })) }),
  }
}
