import type { Clock } from '../std/clock.ts'
import type { Delivery } from './broker.ts'
import { pauseForStore } from './storeBackoff.ts'

/**
 * Acknowledge a delivery of which nothing is stored, for as long as it takes: a delivery that is given up would keep
 * its slot, and its lease would be renewed. Ends without it once `ended` is aborted: the consumer's end releases the
 * delivery. Never rejects.
 */
export async function acknowledge(delivery: Pick<Delivery, 'ack'>, ended: AbortSignal, clock: Clock): Promise<void> {
  for (let attempt = 0; !ended.aborted; attempt++) {
    try {
      await delivery.ack()
      return
    } catch {
      // Whatever the error is, it concerns every acknowledgement: the store's own health is reported elsewhere.
      await pauseForStore(attempt, clock, ended)
    }
  }
}
