import { setTimeout as sleep } from 'node:timers/promises'

/** Call `count` times, `inFlight` calls unanswered at a time. */
export async function callMany(count: number, inFlight: number, call: () => Promise<unknown>): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

/** Send `count` tasks, a thousand in one call. */
export async function sendMany(count: number, send: (some: number) => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= 1000) await send(Math.min(left, 1000))
}

/** How long a call takes to its result, sorted, ms: `tasks` times with a pause after each, after `warmup` times without. */
export async function roundTripsOf(
  call: () => Promise<unknown>,
  { tasks, warmup = 0, pause }: { tasks: number; warmup?: number; pause: number },
): Promise<number[]> {
  for (let index = 0; index < warmup; index++) await call()
  const roundTrips: number[] = []
  for (let index = 0; index < tasks; index++) {
    const start = performance.now()
    await call()
    roundTrips.push(performance.now() - start)
    await sleep(pause)
  }
  return roundTrips.sort((a, b) => a - b)
}
