import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { within } from '../../src/testing/kit.ts'
import { Lab } from '../app/lab.ts'
import {
  beatSubject,
  consumerSubject,
  inlineSubject,
  listenerSubject,
  type Subject,
  serverSubject,
  threadsSubject,
  workerSubject,
} from './subjects.ts'

/** Always the same here; another by LIFECYCLE_SEED. */
const SEED = Number(process.env.LIFECYCLE_SEED ?? 5)

/** What is called of the service, and whether that is awaited before the next. */
interface Step {
  readonly call: 'start' | 'failing start' | 'stop'
  readonly next: 'wait' | 'go on' | 'one turn later'
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record<Step>({
    call: fc.constantFrom('start', 'failing start', 'stop'),
    next: fc.constantFrom('wait', 'go on', 'one turn later'),
  }),
  { minLength: 1, maxLength: 12 },
)

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Make the calls; resolves when all have ended. */
async function play({ service, fail }: Subject, sequence: readonly Step[]): Promise<void> {
  const calls: Promise<unknown>[] = []
  for (const { call, next } of sequence) {
    if (call !== 'stop') fail(call === 'failing start')
    const called = call === 'stop' ? service.stop() : service.start()
    calls.push(called)
    called.catch(() => undefined)
    if (next === 'wait') await within(call, Promise.allSettled([called]))
    if (next === 'one turn later') await turn()
  }
  const ended = await within('all calls', Promise.allSettled(calls))
  fail(false)
  // What a start rejects with was made to happen, or is the stop of a pool whose threads still load.
  for (const [at, one] of ended.entries()) {
    if (one.status === 'rejected' && sequence[at]?.call === 'stop') throw one.reason
  }
}

async function expectClosed(subject: Subject): Promise<void> {
  expect(await subject.open()).toBe(0)
}

async function prove(subject: Subject): Promise<void> {
  const { service } = subject
  await within('stop', service.stop())
  await expectClosed(subject)
  await within('start', service.start())
  if (!subject.opensNone) expect(await subject.open()).toBeGreaterThan(0)
  await within('use', subject.use())
  await within('stop', service.stop())
  await expectClosed(subject)
}

const subjects: readonly [
  name: string,
  kind: 'memory' | 'sqlite',
  open: (lab: Lab) => Promise<Subject>,
  runs: number,
][] = [
  ['a worker', 'memory', workerSubject, 30],
  ['a worker', 'sqlite', workerSubject, 15],
  ['a control listener', 'memory', listenerSubject, 30],
  ['a control listener', 'sqlite', listenerSubject, 15],
  ['a consumer', 'memory', consumerSubject, 30],
  ['a consumer', 'sqlite', consumerSubject, 15],
  ['a beat', 'memory', beatSubject, 15],
  ['a beat', 'sqlite', beatSubject, 15],
  ['a server', 'memory', serverSubject, 15],
  ['an inline pool', 'memory', inlineSubject, 30],
  ['a pool of threads', 'memory', threadsSubject, 5],
]

describe.each(subjects)('%s on %s', (_name, kind, open, numRuns) => {
  it(`whatever is called, in any order: nothing stays open, and it starts again (LIFECYCLE_SEED=${SEED})`, {
    timeout: 120_000,
  }, async () => {
    const lab = new Lab(kind)
    try {
      const subject = await open(lab)
      const property = fc.asyncProperty(steps, async (sequence) => {
        await play(subject, sequence)
        await prove(subject)
      })
      await fc.assert(property, { seed: SEED, numRuns, endOnFailure: true })
    } finally {
      await lab.end()
    }
  })

  it('a start that fails leaves nothing open, and the next succeeds', async () => {
    const lab = new Lab(kind)
    try {
      const subject = await open(lab)
      for (let round = 0; round < 2; round++) {
        subject.fail(true)
        const failed = await subject.service.start().then(
          () => false,
          () => true,
        )
        if (failed) await expectClosed(subject)
        subject.fail(false)
        await prove(subject)
      }
    } finally {
      await lab.end()
    }
  })
})
