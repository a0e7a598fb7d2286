import { describe, expect, test } from 'vitest'
import type { ResultBackend } from '../../src/backend/backend.ts'
import type { UnitOfWork } from '../../src/backend/unitOfWork.ts'
import { BoundedUnitOfWork } from '../../src/calls/bounds/boundedUnitOfWork.ts'
import { FullQueueLog } from '../../src/calls/bounds/fullQueueLog.ts'
import { SealedBackend } from '../../src/codec/sealedBackend.ts'
import { SealedUnitOfWork } from '../../src/codec/sealedUnitOfWork.ts'
import { Seals } from '../../src/codec/seals.ts'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import { PayloadUnitOfWork } from '../../src/payloads/unitOfWork.ts'
import { systemClock } from '../../src/std/clock.ts'
import { createLogger } from '../../src/std/log.ts'
import { codecOf } from '../codec/keys.ts'

/* What wraps a seam by hand passes on each part that the seam has; `true` of all: the compiler asks for a new one. */

const PARTS: Readonly<Record<keyof UnitOfWork, true>> = {
  atomic: true,
  submit: true,
  check: true,
  submitMany: true,
  submitGroup: true,
  within: true,
  completions: true,
  notes: true,
  limits: true,
  settle: true,
  write: true,
  change: true,
  redrive: true,
  emit: true,
}
const REQUIRED = ['atomic', 'submit', 'settle', 'write', 'emit']

const BACKEND_PARTS: Readonly<Record<keyof ResultBackend, true>> = {
  url: true,
  knowsAll: true,
  callerOnly: true,
  hint: true,
  store: true,
  load: true,
  watch: true,
  watchEnds: true,
  change: true,
  forget: true,
  close: true,
  revoked: true,
  events: true,
  jobs: true,
  notes: true,
  groups: true,
  chords: true,
  rows: true,
  deadLetters: true,
}

/** With all of these parts, none of which is used. */
function madeOf<Whole>(parts: readonly string[]): Whole {
  return Object.fromEntries(parts.map((part) => [part, Object.assign(() => undefined, {})])) as Whole
}

const partsOf = (whole: object, known: object): string[] =>
  Object.keys(known).filter((part) => (whole as Readonly<Record<string, unknown>>)[part] !== undefined)

const config = {
  store: directoryPayloads('unused'),
  threshold: 1,
  maxSize: 1,
  keep: 1,
  orphanAge: 1,
  sweepInterval: 1,
  secrets: [],
}

const WRAPPERS: Readonly<Record<string, (inner: UnitOfWork) => UnitOfWork>> = {
  sealed: (inner) => new SealedUnitOfWork(inner, new Seals(codecOf(), 'json')),
  payload: (inner) => new PayloadUnitOfWork(inner, { config, clock: systemClock, resultExpires: 0, broker: {} }),
  bounded: (inner) =>
    new BoundedUnitOfWork(inner, {
      broker: { size: async () => 0 },
      backend: { load: async () => [] },
      boundOf: () => undefined,
      now: () => 0,
      log: new FullQueueLog(() => createLogger('silent')),
      room: undefined,
      oldest: undefined,
    }),
}

describe.each(Object.entries(WRAPPERS))('a unit of work: %s', (_, wrap) => {
  test('has each part that the inner one has', () => {
    const inner = madeOf<UnitOfWork>(Object.keys(PARTS))
    expect(partsOf(wrap(inner), PARTS)).toEqual(Object.keys(PARTS))
  })

  test('has no other', () => {
    const inner = { ...madeOf<UnitOfWork>(REQUIRED), atomic: true }
    expect(partsOf(wrap(inner), PARTS)).toEqual(Object.keys(PARTS).filter((part) => REQUIRED.includes(part)))
  })
})

test('a sealed result backend has each part that the inner one has, and no other', () => {
  const seals = new Seals(codecOf(), 'json')
  const all = Object.keys(BACKEND_PARTS)
  expect(partsOf(new SealedBackend(madeOf<ResultBackend>(all), seals), BACKEND_PARTS)).toEqual(all)
  const required = ['url', 'knowsAll', 'store', 'load', 'watch', 'forget', 'close', 'revoked']
  expect(partsOf(new SealedBackend(madeOf<ResultBackend>(required), seals), BACKEND_PARTS)).toEqual(required)
})
