import { randomUUID } from 'node:crypto'
import { JobEvents } from '../../bench/children/recorderEvents.ts'
import type { Celeriac } from '../../src/index.ts'
import { RecorderFile } from '../../src/recorder/file/recorderFile.ts'
import { fleetOf, recorderFileOf } from '../../src/recorder/place.ts'

/** Jobs of one transaction. */
const BATCH = 500
const LEASE_MS = 1000

/** Writes jobs into the recorder's file of an app, before that opens it: as if they had come in the last hours. */
export function recordMany(app: Celeriac, jobs: number, hours = 10): void {
  const { config } = app
  const file = new RecorderFile({ path: recorderFileOf(config), fleet: fleetOf(config), limits: config.recorder })
  const begin = Date.now() - hours * 3_600_000
  const step = ((hours * 3_600_000 - 60_000) / jobs) * BATCH
  const source = new JobEvents()
  file.calls.claim({ holder: 'test', now: begin, lease: LEASE_MS })
  const coverage = file.calls.begin(begin)
  const write = (now: number, count: number): void => {
    const events = source.next(count, now, randomUUID).map((event) => JSON.stringify(event))
    const claim = { holder: 'test', now, lease: LEASE_MS }
    file.calls.ingest({ claim, coverage, until: now, events, described: new Map(), losses: [] })
  }
  for (let done = 0; done < jobs; done += BATCH) write(begin + (done / BATCH) * step, Math.min(BATCH, jobs - done))
  // Let the last ones be added to the full text.
  for (let again = 0; again < 5; again++) write(Date.now() - 50_000 + again * 5000, 0)
  file.close()
}
