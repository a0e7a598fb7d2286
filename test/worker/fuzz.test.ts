import { it } from 'vitest'
import { onEachStore } from '../app/lab.ts'
import { feed } from './fuzz.ts'

/** Another one each day, so that many are tried and each can be tried again. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000))

onEachStore((lab, kind) => {
  it(`of hundreds of foreign messages each has an end, and no good one is held up (FUZZ_SEED=${SEED})`, async () => {
    // A queue that may not be made is asked for again and again: some seconds each, on RabbitMQ.
    await feed(lab(), SEED, kind === 'rabbitmq' ? 80 : 300)
  })
})
