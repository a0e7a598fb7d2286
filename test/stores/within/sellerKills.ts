import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../../wait.ts'
import type { Shop } from './shop.ts'

/**
 * Two processes sell at the same time, and are killed, so many times, after so many sales that were committed; as many
 * were rolled back. `start` starts one that sells numbers from this one on.
 */
export async function killSellers(
  shop: Shop,
  start: (first: string) => ChildProcess,
  { kills, sales }: { readonly kills: number; readonly sales: number },
): Promise<void> {
  for (let round = 0; round < kills; round++) {
    const sellers = [0, 1].map((which) => start(String(1_000_000 * (2 * round + which))))
    const before = await shop.count('purchase')
    await eventually(
      () => shop.count('purchase'),
      (count) => count > before + sales,
    )
    await sleep(5 * Math.random())
    await Promise.all(
      sellers.map((one) => {
        const ended = once(one, 'exit')
        one.kill('SIGKILL')
        return ended
      }),
    )
  }
}
