import type { Delivery } from './broker.ts'
import { pauseForStore } from './storeBackoff.ts'

/**
 * Acknowledge a delivery of which nothing is stored, for as long as it takes: one that is given up keeps its slot, and its lease is renewed.
 * Ends without it once `ended` is aborted: the consumer's end gives it back. Never rejects.
 */
export async function acknowledge(delivery: Pick<Delivery, 'ack'>, ended: AbortSignal): Promise<void> {
  for (let attempt = 0; !ended.aborted; attempt++) {
    try {
      await delivery.ack()
      return
    } catch {
      // Whatever it is, it concerns every acknowledgement: the store's own health is told elsewhere.
      await pauseForStore(attempt)
    }
  }
}
