import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { RECORDER_OPTIONS, type RecorderLimits } from '../../src/config/recorderOptions.ts'
import type { Event } from '../../src/protocol/event.ts'
import { RecorderFile } from '../../src/recorder/file/recorderFile.ts'
import type { Ingested } from '../../src/recorder/fold/ingest.ts'
import type { Description } from '../../src/recorder/fold/jobEntry.ts'
import { readOptions } from '../../src/std/optionTable.ts'

export const START = Date.UTC(2026, 0, 5, 12)
const LEASE_MS = 10_000

/** Fields of an event; `at`: ms since the start. */
export interface Given extends Record<string, unknown> {
  readonly type: string
  readonly at: number
}

/** A recorder's file, written without a broker. Its time is that of the test. */
export class Scene {
  readonly folder: string
  readonly path: string
  readonly limits: RecorderLimits
  file: RecorderFile
  now = START
  holder = 'one'
  #coverage = 0
  #clock = 0

  constructor(limits: Partial<RecorderLimits> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'celeriac-'))
    this.path = join(this.folder, 'recorder.db')
    this.limits = { ...readOptions(RECORDER_OPTIONS, {}, 'recorder'), ...limits }
    this.file = this.open()
    this.begin()
  }

  /** Another connection. */
  open(): RecorderFile {
    return new RecorderFile({ path: this.path, fleet: 'redis://test', limits: this.limits })
  }

  begin(): void {
    this.file.calls.claim({ holder: this.holder, now: this.now, lease: LEASE_MS })
    this.#coverage = this.file.calls.begin(this.now)
  }

  /** As after a crash: nothing that is in memory is left. */
  reopen(): void {
    this.file.close()
    this.file = this.open()
    this.begin()
  }

  event({ at, ...fields }: Given): Event {
    return { hostname: 'w1@test', pid: 1, clock: ++this.#clock, timestamp: (START + at) / 1000, ...fields }
  }

  /** Write events as one transaction. */
  write(events: readonly Event[], described: Readonly<Record<string, Description>> = {}): Ingested {
    const texts = events.map((event) => JSON.stringify(event))
    const known = new Map(events.flatMap(({ uuid }) => (uuid === undefined ? [] : [[uuid, described[uuid] ?? {}]])))
    return this.writeTexts(texts, known)
  }

  /** The same, of events as JSON. */
  writeTexts(events: readonly string[], described: ReadonlyMap<string, Description> = new Map()): Ingested {
    const claim = { holder: this.holder, now: this.now, lease: LEASE_MS }
    return this.file.calls.ingest({ claim, coverage: this.#coverage, until: this.now, events, described, losses: [] })
  }

  /** All events of a job that succeeds. */
  job(uuid: string, { at = 0, name = 'shop.add', ...more }: Partial<Given> & { name?: string } = {}): Event[] {
    return [
      this.event({ type: 'task-received', uuid, at, name, args: '(1, 2)', kwargs: '{}', retries: 0, ...more }),
      this.event({ type: 'task-started', uuid, at: at + 10 }),
      this.event({ type: 'task-succeeded', uuid, at: at + 30, result: '3', runtime: 0.02 }),
    ]
  }

  /** Those of one that fails. */
  failure(uuid: string, exception: string, { at = 0, name = 'shop.bad' } = {}): Event[] {
    return [
      this.event({ type: 'task-received', uuid, at, name, args: '()', kwargs: '{}', retries: 0 }),
      this.event({ type: 'task-started', uuid, at: at + 10 }),
      this.event({ type: 'task-failed', uuid, at: at + 30, exception, traceback: `Traceback of ${exception}` }),
    ]
  }

  /** Let what came be added to the full text. */
  index(): void {
    this.now += 5000
    this.write([])
  }

  /** The ids that a query finds. */
  ids(query: Parameters<RecorderFile['calls']['jobs']>[0] | Record<string, unknown>): string[] {
    return this.file.calls.jobs({ limit: 100, ...query }, this.now).jobs.map(({ id }) => id)
  }

  /** Which of these texts are in the bytes of the file, its log and whatever lies beside it. */
  textsIn(texts: readonly string[]): string[] {
    const bytes = Buffer.concat(readdirSync(this.folder).map((name) => readFileSync(join(this.folder, name))))
    return texts.filter((text) => bytes.includes(text))
  }

  end(): void {
    this.file.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A new scene for a test; it ends with it. */
export function useScene(): (limits?: Partial<RecorderLimits>) => Scene {
  const scenes: Scene[] = []
  afterEach(() => {
    for (const scene of scenes.splice(0)) scene.end()
  })
  return (limits) => {
    const scene = new Scene(limits)
    scenes.push(scene)
    return scene
  }
}
