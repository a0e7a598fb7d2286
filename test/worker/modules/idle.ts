/* A process that watches its loop and does nothing; answers a message with the number of blocks that it has noticed. */
import { LoopWatch } from '../../../src/worker/loopWatch.ts'
import { WorkerState } from '../../../src/worker/state.ts'

let blocks = 0
const watch = new LoopWatch(new WorkerState(), () => blocks++, { limit: 500, interval: 50 })
watch.start()
process.once('message', () => {
  setTimeout(() => {
    watch.stop()
    process.send?.(blocks)
    process.disconnect()
  }, 300)
})
setTimeout(() => process.send?.('ready'), 200)
