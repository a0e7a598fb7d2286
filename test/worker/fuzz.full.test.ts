import { it } from 'vitest'
import { onEachStore } from '../app/lab.ts'
import { feed } from './fuzz.ts'

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)

onEachStore((lab, kind) => {
  it(`of thousands of foreign messages each has an end (FUZZ_SEED=${SEED})`, { timeout: 300_000 }, async () => {
    await feed(lab(), SEED, kind === 'rabbitmq' ? 800 : 4000)
  })
})
