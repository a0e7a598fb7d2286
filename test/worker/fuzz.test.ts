import { it } from 'vitest'
import { onEachStore } from '../app/lab.ts'
import { feed } from './fuzz.ts'

/** Always the same here; `fuzz.full.test.ts` tries another each time. */
const SEED = Number(process.env.FUZZ_SEED ?? 20785)

onEachStore((lab, kind) => {
  it(`of hundreds of foreign messages each has an end, and no good one is held up (FUZZ_SEED=${SEED})`, {
    timeout: 90_000,
  }, async () => {
    // A queue that may not be made is asked for again and again: some seconds each, on RabbitMQ.
    await feed(lab(), SEED, kind === 'rabbitmq' ? 80 : 300)
  })
})
